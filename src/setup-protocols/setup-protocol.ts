/** Kinds of protocols, as OpenEMS names them (protocol C.3). */
export const setupProtocolTypes = ['SETUP_PROTOCOL', 'EMS_EXCHANGE', 'CAPACITY_EXTENSION'] as const
export type SetupProtocolType = (typeof setupProtocolTypes)[number]

export interface Contact {
  firstname: string
  lastname: string
  email: string
  phone: string
  address: { street: string; zip: string; city: string; country: string }
  company?: { name: string } | undefined
}
export interface Lot {
  category: string
  name: string
  serialNumber: string
}
export interface Item {
  category: string
  name: string
  value: string
  view?: string | undefined
  field?: string | undefined
}

/** What was written down. The parts that an extension of a system has no use for are left out. */
export interface SetupProtocolContent {
  customer?: Contact | undefined
  installer?: Contact | undefined
  location?: Contact | undefined
  lots: Lot[]
  items: Item[]
  oem: string
}
