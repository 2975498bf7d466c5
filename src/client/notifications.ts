/** What the service sends unasked. Declared here, so that the library needs nothing of the service; its code says the same types. */

/** A user as the stock backend keeps him: `userId` is the external id, `id` the login, which roles and alerting use. */
export interface MirroredUser {
  userId: string
  id: string
  name: string
  email: string
  language: string
  globalRole: Role
  settings: Record<string, unknown>
  disabled: boolean
}
export type Role = 'guest' | 'owner' | 'installer' | 'admin'

/** What people entered about an edge. */
export interface MirroredEdge {
  id: string
  comment: string
  producttype: string
  settings: Record<string, unknown>
}

/** What an edge says of itself; `lastMessage` in epoch ms, as of the last change of anything else. */
export interface MirroredState {
  id: string
  online: boolean
  version: string
  sumState: Level | null
  lastMessage: number | null
}
export type Level = 'OK' | 'INFO' | 'WARNING' | 'FAULT'

/** A page of a snapshot: with `first` everything before it is void, with `last` the mirror is whole. */
export interface SnapshotPage {
  revision: number
  hash: string
  first: boolean
  last: boolean
  edges: MirroredEdge[]
  states: MirroredState[]
  users: MirroredUser[]
}

/** Rows as they are after `revision`; those that are gone by their ids. */
export interface MetadataChanged {
  revision: number
  hash: string
  edges?: MirroredEdge[]
  removedEdges?: string[]
  users?: MirroredUser[]
  removedUsers?: string[]
}

/** Answers about roles with a lower epoch that are void. Without names: all. `expired`: those whose time is over. */
export interface AuthzChanged {
  epoch: number
  users?: string[]
  edges?: string[]
  expired?: true
}

/** Everything up to here was sent. */
export interface MetadataHead {
  revision: number
  hash: string
  statePosition: number
}

/** How far an import is, for who began it; with `state` it has ended. */
export interface ImportProgress {
  importId: string
  phase: 'reading' | 'planning' | 'applying'
  read: number
  planned: number
  applied: number
  state?: string
}

/** Notifications by their names. */
export interface Notifications {
  metadataSnapshot: SnapshotPage
  metadataChanged: MetadataChanged
  edgeStatesChanged: { states: MirroredState[] }
  authzChanged: AuthzChanged
  metadataHead: MetadataHead
  importProgress: ImportProgress
  /** Newest values by edge and channel, every two seconds, of `subscribeEdgesChannels`. */
  edgesCurrentData: Record<string, Record<string, number | string | boolean | null>>
}
export type NotificationName = keyof Notifications
