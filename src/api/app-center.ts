import { z } from 'zod'
import type { EdgePayload } from '../edges/edge-rpc.ts'
import { AppError, problem } from '../errors.ts'

/**
 * The App-Center (protocol B.3, C.4) of a service that sells nothing: every app is free, no licence key is known, and what is
 * installed only the edge knows, which also decides who may install.
 */

/** Stands for a key where OpenEMS insists on one. */
const NO_KEY = '0000-0000-0000-0000'

const key = z.string().max(100)
const appId = z.string().max(200)
const instance = z.object({ appId, instanceId: z.uuid() })

type Answer = (params: unknown) => object

/** What both ask. */
const common: Readonly<Record<string, Answer>> = {
  isKeyApplicable: answer(z.object({ key }), (given) => ({
    isKeyApplicable: false,
    additionalInfo: { keyId: given.key, bundles: [], registrations: [], usages: [] },
  })),
  getPossibleApps: answer(z.object({ key }), () => ({ bundles: [] })),
}
const forEdges: Readonly<Record<string, Answer>> = {
  ...common,
  // An edge removes what it does not have from this list, and leaves alone what is not on it.
  getInstalledApps: () => ({ installedApps: [] }),
  addInstallInstanceHistory: answer(instance, () => ({})),
  addDeinstallInstanceHistory: answer(instance, () => ({})),
}
const forPeople: Readonly<Record<string, Answer>> = {
  ...common,
  isAppFree: answer(z.object({ appId }), () => ({ isAppFree: true })),
  getRegisteredKeys: () => ({ keys: [] }),
  addRegisterKeyHistory: noKeys,
  addUnregisterKeyHistory: noKeys,
}

const request = z.object({ payload: z.object({ method: z.string(), params: z.unknown() }) })
const installation = z.object({
  installRequest: z.object({
    method: z.literal('componentJsonApi'),
    params: z.object({
      componentId: z.literal('_appManager'),
      payload: z.object({
        method: z.literal('addAppInstance'),
        params: z.object({
          appId,
          alias: z.string(),
          properties: z.record(z.string(), z.unknown()),
          key: key.optional(),
        }),
      }),
    }),
  }),
})

/** Answers an `appCenter` request of an edge. Throws `unknownMethod` and `invalidParams`. */
export function answerEdge(params: unknown): object {
  const { payload } = read(request, params)
  return find(forEdges, payload.method)(payload.params)
}

/**
 * Answers an `appCenter` request of a person, or returns the request that is to be sent to the edge in its place: to install
 * an app. Throws `unknownMethod` and `invalidParams`.
 */
export function answerPerson(params: unknown): { result: object } | { toEdge: Omit<EdgePayload, 'id'> } {
  const { payload } = read(request, params)
  if (payload.method !== 'installAppWithSuppliedKey') {
    return { result: find(forPeople, payload.method)(payload.params) }
  }
  const { componentId, payload: install } = read(installation, payload.params).installRequest.params
  const inner = {
    jsonrpc: '2.0',
    id: crypto.randomUUID(),
    method: install.method,
    params: { key: NO_KEY, ...install.params },
  }
  return { toEdge: { method: 'componentJsonApi', params: { componentId, payload: inner } } }
}

function noKeys(): never {
  throw problem('There are no licence keys here: install the app without one')
}

function answer<P extends z.ZodType>(params: P, handler: (given: z.output<P>) => object): Answer {
  return (given) => handler(read(params, given))
}

function find(answers: Readonly<Record<string, Answer>>, method: string): Answer {
  const found = Object.hasOwn(answers, method) ? answers[method] : undefined
  if (found === undefined) throw new AppError('unknownMethod', [method])
  return found
}

function read<P extends z.ZodType>(shape: P, given: unknown): z.output<P> {
  const parsed = shape.safeParse(given)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new AppError('invalidParams', [`payload.${issue?.path.join('.') ?? 'params'}: ${issue?.message ?? ''}`])
}
