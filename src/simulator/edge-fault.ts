/**
 * Errors as an edge sends them: codes and texts of protocol A.4, kept apart from the service's own table so that a
 * mistake there cannot hide itself.
 */
const faults = {
  generic: [1, '%s'],
  roleDenied: [1002, 'Access to this resource [%s] is denied for User with Role [%s]'],
  noComponent: [2000, 'Unable to find OpenEMS Component with ID [%s]'],
  notCreated: [2003, 'Unable to create configuration for Factory [%s]: [%s]'],
  unknownMethod: [4001, 'Unhandled JSON-RPC method [%s]'],
  noMember: [5000, 'JSON [%s] is not a member of [%s]'],
  noObjectMember: [5003, 'JSON [%s] ist not a member of JSON-Object [%s]'],
  noArrayMember: [5007, 'JSON [%s:%s] is not JSON-Array'],
  noStringMember: [5010, 'JSON [%s:%s] is not a String member'],
  noBooleanMember: [5012, 'JSON [%s:%s] is not a Boolean member'],
  noUuidMember: [5033, 'JSON [%s:%s] is not a UUID member'],
} as const satisfies Record<string, readonly [number, string]>

export type FaultKind = keyof typeof faults

/** A refusal that goes back to the caller. */
export class EdgeFault extends Error {
  override name = 'EdgeFault'
  readonly code: number
  readonly data: readonly string[]
  constructor(kind: FaultKind, ...data: string[]) {
    const [code, template] = faults[kind]
    let next = 0
    super(template.replaceAll('%s', () => data[next++] ?? ''))
    this.code = code
    this.data = data
  }
}
