import { isDeepStrictEqual } from 'node:util'
import { type EdgeKeyRow, type EdgeRow, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { requireText } from '../access/write-door.ts'
import { mergeSettings } from '../accounts/account-rules.ts'
import type { EdgeRecord } from './model.ts'
import { defined, idOf, isManager, may, type Planned, type StructureContext } from './plan-ground.ts'
import type { PlannedRecord } from './plan-structure.ts'

/** What an edge has beside the graph. */
export interface EdgeExtras {
  serialNumber: string
  emsType: string
  setupPasswordHash: string | null
  firstSetupAt: number | null
}
const noExtras: EdgeExtras = { serialNumber: '', emsType: '', setupPasswordHash: null, firstSetupAt: null }

/** Keys that we make are longer; one that a device has already is taken as it is, and said. */
const SHORT_KEY = 16
const shortKey = 'The API key is short enough to be guessed: give the device a new one soon (rotate-edge-key)'

/** Rights come before everything that tells of edges of others: whose id, key or setup password is in use. */
export function planEdge(context: StructureContext, record: EdgeRecord): Planned {
  const { index, ids, edgeExtras, names } = context
  const { edgeId, comment, producttype, settings, apiKey, setupPassword } = record
  if (context.used.has(`edge ${edgeId}`)) return 'This edge stands in the file twice: leave one'
  context.used.add(`edge ${edgeId}`)
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(edgeId)) return 'An edge id has letters, digits, ".", "_" and "-"'
  const found = index.edgeByName(edgeId)
  const before = found !== undefined && names.isInside(found.id) ? found : undefined
  const siteId = record.site === undefined ? undefined : idOf(context, 'site', record.site)
  const organisationId =
    record.organisation === undefined ? undefined : idOf(context, 'organisation', record.organisation)
  const isMoved =
    before !== undefined && (differs(siteId, before.siteId) || differs(organisationId, before.organisationId))
  const isInstalled = before === undefined || isMoved || apiKey !== undefined || setupPassword !== undefined
  if (isInstalled && !may(context, 'install', PLATFORM_RESOURCE_ID)) return forInstallers
  if (found !== undefined && before === undefined)
    return inTheWay(context, found.id, 'This edge lies outside of the organisation that the import is for')
  const base: EdgeRow = before ?? {
    id: ids.take('edge'),
    edgeId,
    comment: '',
    producttype: '',
    siteId: null,
    organisationId: siteId === undefined ? names.homeId : null,
    settings: {},
  }
  const given = {
    comment: comment === undefined ? undefined : requireText(comment, 'The comment', 500),
    producttype: producttype === undefined ? undefined : requireText(producttype, 'The type of product'),
    settings: settings && mergeSettings({}, settings),
  }
  const after: EdgeRow = { ...base, ...defined({ ...given, siteId, organisationId }) }
  const known = edgeExtras.get(base.id) ?? noExtras
  const extras = extrasOf(context, record, known)
  const isChanged =
    before === undefined || !isDeepStrictEqual({ ...before }, after) || !isDeepStrictEqual(extras, known)
  if (isChanged && before !== undefined && !may(context, 'edit', before.id)) return 'You cannot change this edge'
  const hash = setupPassword === undefined ? null : extras.setupPasswordHash
  const holderId = hash === null ? undefined : context.passwords.get(hash)
  if (holderId !== undefined && holderId !== base.id)
    return inTheWay(context, holderId, 'Another edge has this setup password: each has its own')
  const key = keyOf(context, record, base.id)
  if (typeof key === 'string') return key
  if (hash !== null) context.passwords.set(hash, base.id)
  names.add('edge', edgeId, base.id)
  const parts: PlannedRecord['parts'] = []
  if (isChanged) {
    const extra = { ...extras, ...(before === undefined ? { createdAt: context.at } : {}) }
    parts.push({ entity: 'edge', id: base.id, before: before ?? null, after, extra })
  }
  if (key !== undefined)
    parts.push({ entity: 'edgeKey', id: key.id, before: null, after: key, extra: { createdAt: context.at } })
  if (parts.length === 0) return undefined
  if (key === undefined || apiKey === undefined) return { parts }
  const isShort = apiKey.length < SHORT_KEY
  return { parts, apiKey, ...(isShort ? { remark: shortKey } : {}) }
}

const forInstallers =
  'Edges, their API keys and setup passwords, and where they belong, are for whoever may install them on the platform'

/** What stops an edge, if the importing actor may know of the other edge that it is; else that something does. */
function inTheWay(context: StructureContext, otherId: number, text: string): string {
  if (isManager(context) || may(context, 'discover', otherId)) return text
  return 'The id, the API key or the setup password of this edge cannot be used: give it another'
}

function differs(given: number | undefined, is: number | null): boolean {
  return given !== undefined && given !== is
}

function extrasOf({ hash }: StructureContext, record: EdgeRecord, before: EdgeExtras): EdgeExtras {
  const { serialNumber, emsType, firstSetupAt, setupPassword } = record
  for (const text of [serialNumber, emsType]) if (text !== undefined) requireText(text, 'Serial number and type')
  const setupPasswordHash = setupPassword === undefined ? undefined : hashOf(hash, setupPassword)
  return { ...before, ...defined({ serialNumber, emsType, firstSetupAt, setupPasswordHash }) }
}

/** A setup password as it is kept, however it is typed. */
export function hashOf(hash: StructureContext['hash'], setupPassword: string): string {
  return hash(setupPassword.trim().toUpperCase())
}

/** The key a device keeps, unless it has it already (OC-07). */
function keyOf(context: StructureContext, { apiKey }: EdgeRecord, edgeId: number): EdgeKeyRow | string | undefined {
  if (apiKey === undefined) return undefined
  if (apiKey === '' || apiKey.length > 512) return 'An API key has up to 512 characters'
  const keyHash = context.hash(apiKey)
  const known = context.keysByHash.get(keyHash)
  if (known?.edgeId === edgeId) return undefined
  if (known !== undefined) return inTheWay(context, known.edgeId, 'This API key is in use already')
  const row: EdgeKeyRow = { id: context.ids.take('edgeKey'), edgeId, keyHash, validTo: null }
  context.keysByHash.set(keyHash, row)
  return row
}
