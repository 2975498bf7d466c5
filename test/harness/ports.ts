import { createServer } from 'node:net'

/** Three ports that were free a moment ago; for processes, which cannot tell which port they took. */
export async function freePorts(): Promise<{ edge: number; ui: number; http: number }> {
  const [edge = 0, ui = 0, http = 0] = await Promise.all([freePort(), freePort(), freePort()])
  return { edge, ui, http }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port')
  return address.port
}
