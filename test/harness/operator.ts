import { ServiceClient } from '../../src/client/service-client.ts'

/**
 * The operator of the machine, by the client library: for tests in which he is a tool. Where the protocol itself is
 * tested, it is spoken as its reference says (`clients.ts`), not as this library understands it.
 */
export async function openOperator({ controlSocket }: { controlSocket: string }): Promise<ServiceClient> {
  return await new ServiceClient({ url: `ws+unix:${controlSocket}:/`, reconnect: false }).connected()
}
