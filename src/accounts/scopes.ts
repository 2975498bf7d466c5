/**
 * What a service token may be used for, beside what its service was granted; each stands for itself, none contains another.
 * `read` looks at edges and people it may see, `authenticate` asks for users on their behalf, `write` changes the state of
 * edges, `manage` changes people, structure and rights.
 */
export const scopes = ['read', 'authenticate', 'write', 'manage'] as const
export type Scope = (typeof scopes)[number]

/** Of whoever is not a token: the operator on this machine. */
export const everyScope: ReadonlySet<Scope> = new Set(scopes)
