/**
 * Version of the wire contract; the contract test holds the hash of all schemas against it.
 * 1.0.0: UI, edge and operator methods.
 */
export const PROTOCOL_VERSION = '1.0.0'
