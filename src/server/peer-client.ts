import { randomUUID } from 'node:crypto'
import { JSONRPCClient } from 'json-rpc-2.0'

/**
 * The asking side of a socket: pending requests, time-outs and their end with the link come from json-rpc-2.0; ids are UUIDs,
 * because Java peers accept nothing else (protocol A.1 rule 4).
 */
export function createPeerClient(send: (text: string) => void): JSONRPCClient {
  return new JSONRPCClient((payload) => {
    send(JSON.stringify(payload))
  }, randomUUID)
}
