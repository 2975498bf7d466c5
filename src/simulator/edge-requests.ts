/** Server -> edge: `authenticatedRpc` and nothing else (protocol B.3). */
import { type OpenemsRole, openemsRoles } from '../access/model.ts'
import {
  call,
  componentApis,
  configEndpoints,
  type EdgeControls,
  type EdgeUser,
  type Endpoint,
  type Endpoints,
  setChannelValue,
} from './component-api.ts'
import { EdgeFault } from './edge-fault.ts'
import {
  booleanMember,
  type JsonObject,
  objectMember,
  readRequest,
  requestMember,
  stringMember,
  unnumberedRequest,
} from './members.ts'

/** The answer to a text frame; undefined where an edge stays silent: not a request, or not one it can read. */
export function answerFrame(edge: EdgeControls, text: string): string | undefined {
  const request = readRequest(text)
  if (!request) return undefined
  const { id } = request
  try {
    if (request.method !== 'authenticatedRpc') throw new EdgeFault('unknownMethod', request.method)
    return JSON.stringify({ jsonrpc: '2.0', id, result: authenticated(edge, request.params) })
  } catch (error) {
    return JSON.stringify({ jsonrpc: '2.0', id, error: toWire(error) })
  }
}

const authenticatedEndpoints: Endpoints = new Map<string, Endpoint>([
  ...Object.entries(configEndpoints),
  ['setChannelValue', { role: 'admin', answer: setChannelValue }],
  ['componentJsonApi', { answer: componentJsonApi }],
  ['routes', { answer: () => ({ version: 1, endpoints: routes }) }],
  [
    'subscribeSystemLog',
    {
      answer: (edge, params) => {
        edge.subscribeSystemLog(booleanMember(params, 'subscribe'))
        return {}
      },
    },
  ],
])

function authenticated(edge: EdgeControls, params: JsonObject): object {
  const user = readUser(objectMember(params, 'user'))
  const payload = requestMember(params, 'payload')
  const result = call(authenticatedEndpoints, edge, payload, user)
  const answer = { payload: { jsonrpc: '2.0', id: payload.id, result } }
  // @NOTE this one method is wrapped twice by the edge (protocol B.3).
  if (payload.method === 'subscribeSystemLog') return { payload: { jsonrpc: '2.0', id: payload.id, result: answer } }
  return answer
}

function componentJsonApi(edge: EdgeControls, params: JsonObject, user: EdgeUser): object {
  const componentId = stringMember(params, 'componentId')
  const request = unnumberedRequest(objectMember(params, 'payload'))
  const endpoints = componentApis.get(componentId)
  if (!endpoints) throw new EdgeFault('generic', `Component with id '${componentId}' was not found`)
  return call(endpoints, edge, request, user)
}

/** @NOTE an unknown role counts as guest, like on the edge. */
function readUser(user: JsonObject): EdgeUser {
  const name = stringMember(user, 'role').toLowerCase()
  const role: OpenemsRole = openemsRoles.find((known) => known === name) ?? 'guest'
  return { id: stringMember(user, 'id'), name: stringMember(user, 'name'), role }
}

function toWire(error: unknown): object {
  if (error instanceof EdgeFault) return { code: error.code, message: error.message, data: error.data }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 1, message, data: [message] }
}

const outer = { method: 'authenticatedRpc', request: { base: {}, pathToSubrequest: ['payload'] } }
const routes = [
  route('authenticatedRpc', {}, []),
  ...[...authenticatedEndpoints].map(([method, endpoint]) => route(method, endpoint, [outer])),
  ...[...componentApis].flatMap(([componentId, endpoints]) => {
    const inner = { method: 'componentJsonApi', request: { base: { componentId }, pathToSubrequest: ['payload'] } }
    return [...endpoints].map(([method, endpoint]) => route(method, endpoint, [outer, inner], componentId))
  }),
]

function route(method: string, { role }: Pick<Endpoint, 'role'>, parent: object[], tag?: string): object {
  const guard = role && {
    name: 'role',
    description: `User-Role has to be at least ${role.toUpperCase()}`,
    role: role.toUpperCase(),
  }
  return {
    method,
    tags: tag ? [{ name: tag }] : [],
    guards: guard ? [guard] : [],
    parent,
    request: {},
    response: {},
  }
}
