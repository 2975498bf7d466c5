import type { Methods } from './methods.ts'

export type MethodName = keyof Methods
/** What a method takes; members with a default may be left out. */
export type ParamsOf<N extends MethodName> = Methods[N]['params']
export type ResultOf<N extends MethodName> = Methods[N]['result']
