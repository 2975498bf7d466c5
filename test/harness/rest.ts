import type { Agent, IncomingHttpHeaders } from 'node:http'
import { request as send } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import type { Reachable, WireFrame } from './clients.ts'

export interface RestAnswer {
  status: number
  headers: IncomingHttpHeaders
  text: string
  /** True when the connection of an earlier request was used. */
  reused: boolean
}
export interface RestRequest {
  authorization?: string | undefined
  body?: string | object
  method?: string
  path?: string
  headers?: Record<string, string>
  agent?: Agent
}

/** One HTTP request to the REST port (protocol D.2). */
export async function restCall(service: Reachable, given: RestRequest): Promise<RestAnswer> {
  const { authorization, body = '', method = 'POST', path = '/jsonrpc', headers = {}, agent } = given
  const request = send(`${service.urls.rest}${path}`, {
    method,
    headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
    ...(agent === undefined ? {} : { agent }),
  })
  const answered = new Promise<RestAnswer>((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response) => {
      const { statusCode: status = 0, headers } = response
      readText(response).then((text) => resolve({ status, headers, text, reused: request.reusedSocket }), reject)
    })
  })
  request.end(typeof body === 'string' ? body : JSON.stringify(body))
  return await answered
}

/** One JSON-RPC call over it. */
export async function restRpc(
  service: Reachable,
  authorization: string,
  method: string,
  params: object,
): Promise<WireFrame & { status: number }> {
  const { status, text } = await restCall(service, { authorization, body: { method, params } })
  return { ...(JSON.parse(text) as WireFrame), status }
}

/** `Authorization: Basic`, as OpenEMS's own clients send it. */
export function basic(name: string, secret: string): string {
  return `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`
}
