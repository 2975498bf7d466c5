import { type PdfLine, writePdf } from '../lib/pdf.ts'
import type { Contact, Item, Lot, SetupProtocolContent, SetupProtocolType } from './setup-protocol.ts'

const titles: Readonly<Record<SetupProtocolType, string>> = {
  SETUP_PROTOCOL: 'Setup protocol',
  EMS_EXCHANGE: 'Exchange of the EMS',
  CAPACITY_EXTENSION: 'Capacity extension',
}

/** The protocol as people print it. Pure. */
export function protocolPdf(protocol: {
  id: number
  edgeName: string
  type: SetupProtocolType
  createdAt: Date
  content: SetupProtocolContent
}): Promise<Buffer> {
  const { customer, installer, location, lots, items } = protocol.content
  return writePdf([
    { text: titles[protocol.type], style: 'title' },
    line(`Edge ${protocol.edgeName}, number ${protocol.id}, ${protocol.createdAt.toISOString().slice(0, 10)}`),
    ...contact('Customer', customer),
    ...contact('Installer', installer),
    ...contact('Location', location),
    ...byCategory(lots, (lot: Lot) => `${lot.name}: ${lot.serialNumber}`),
    ...byCategory(items, (item: Item) => `${item.name}: ${item.value}`),
  ])
}

function contact(title: string, person: Contact | undefined): PdfLine[] {
  if (person === undefined) return []
  const { firstname, lastname, email, phone, address, company } = person
  const rows = [
    `${firstname} ${lastname}`,
    company?.name ?? '',
    address.street,
    `${address.zip} ${address.city} ${address.country.toUpperCase()}`,
    email,
    phone,
  ]
  return [{ text: title, style: 'heading' }, ...rows.filter((row) => row.trim() !== '').map(line)]
}

function byCategory<T extends { category: string }>(rows: readonly T[], toText: (row: T) => string): PdfLine[] {
  return [...Map.groupBy(rows, ({ category }) => category)].flatMap(([category, members]): PdfLine[] => [
    { text: category, style: 'heading' },
    ...members.map((member) => line(toText(member))),
  ])
}

function line(text: string): PdfLine {
  return { text, style: 'text' }
}
