/** What the package `@ems-metadata/client` offers. */
export { type Edge, type EdgeListener, MetadataMirror, type MirrorOptions } from './metadata-mirror.ts'
export type { Methods } from './methods.ts'
export type {
  AuthzChanged,
  ImportProgress,
  Level,
  MetadataChanged,
  MetadataHead,
  MirroredEdge,
  MirroredState,
  MirroredUser,
  NotificationName,
  Notifications,
  Role,
  SnapshotPage,
} from './notifications.ts'
export type { MethodName, ParamsOf, ResultOf } from './protocol.ts'
export { ServiceClient, type ServiceClientOptions, type TlsOptions } from './service-client.ts'
export { ServiceError, UNAVAILABLE } from './service-error.ts'
