import { PLATFORM_RESOURCE_ID } from '../access/model.ts'

/** Who keeps a copy of the metadata or answers for it: services and whoever speaks Backend-to-Backend. */
export const backendClients = ['service', 'backend'] as const

const resource = () => PLATFORM_RESOURCE_ID
/** Reads every account, role and edge. */
export const readsAll = { scope: 'read', access: { permission: 'manageUser', resource } } as const
/** Signs people in, and speaks for them. */
export const speaksForUsers = { scope: 'authenticate', access: { permission: 'impersonate', resource } } as const
