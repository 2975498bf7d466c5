import type { z } from 'zod'
import type { allMethods } from '../api/index.ts'

/**
 * The contract as types, inferred from the method literals of the service: nothing of it is left at run time, so that the
 * library can be used without the service.
 */
export type {
  AuthzChanged,
  MetadataChanged,
  MirroredEdge,
  MirroredState,
  MirroredUser,
} from '../mirror/metadata-frames.ts'
export type { SnapshotPage } from '../mirror/metadata-snapshot.ts'

type AnyMethod = (typeof allMethods)[number]
type Named<N extends string> = Extract<AnyMethod, { name: N }>

export type MethodName = AnyMethod['name']
/** What a method takes; members with a default may be left out. */
export type ParamsOf<N extends MethodName> = z.input<Named<N>['params']>
export type ResultOf<N extends MethodName> = z.output<Named<N>['result']>
export type Role = NonNullable<ResultOf<'getUserRole'>['role']>
