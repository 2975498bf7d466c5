import { sql } from 'kysely'
import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { Db, Tx } from '../db/database.ts'
import { graphColumnNames } from '../db/graph-rows.ts'
import { requireIds } from '../lib/ids.ts'

/** Few enough for the statement to be written in a millisecond. */
const ROWS_PER_STATEMENT = 1000

/** SQL types of the graph's columns; everything else is text. */
const types: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    'id organisationId ownerId groupId memberId addedBy parentId siteId edgeId childId principalId resourceId roleId grantedBy userId selfMask contentMask suborganisationMask'
      .split(' ')
      .map((column) => [column, 'integer']),
  ),
  ...Object.fromEntries(
    'shareable canEditSites canCreateSuborganisations publicAccess strictRoles isVirtual'
      .split(' ')
      .map((column) => [column, 'boolean']),
  ),
  ...Object.fromEntries('settings labels components dataWindows windows'.split(' ').map((column) => [column, 'jsonb'])),
  ...Object.fromEntries(
    'validFrom validTo disabledAt createdAt firstSetupAt'.split(' ').map((column) => [column, 'double precision']),
  ),
}

/** Tables in the order in which their rows need each other, and columns that are not part of the graph. */
const tables = {
  organisation: { name: 'organisation', extra: [], id: 'resource' },
  user: { name: 'user_account', extra: ['createdAt'], id: 'principal' },
  userGroup: { name: 'user_group', extra: [], id: 'principal' },
  service: { name: 'service', extra: [], id: 'principal' },
  site: { name: 'site', extra: [], id: 'resource' },
  edge: {
    name: 'edge',
    extra: ['createdAt', 'emsType', 'serialNumber', 'setupPasswordHash', 'firstSetupAt'],
    id: 'resource',
  },
  edgeGroup: { name: 'edge_group', extra: [], id: 'resource' },
  edgeKey: { name: 'edge_key', extra: ['createdAt'], id: undefined },
  role: { name: 'role', extra: [], id: undefined },
  membership: { name: 'membership', extra: [], id: undefined },
  containment: { name: 'containment', extra: [], id: undefined },
  claim: { name: 'claim', extra: [], id: undefined },
  grant: { name: 'access_grant', extra: [], id: undefined },
  restriction: { name: 'restriction', extra: [], id: undefined },
} as const satisfies Record<EntityName, { name: string; extra: readonly string[]; id: string | undefined }>

const order = Object.keys(tables) as EntityName[]

/** Whose ids rows of a kind have: several kinds share one sequence. */
export function tableOfIds(entity: EntityName): string {
  return tables[entity].id ?? tables[entity].name
}

/** The highest ids that were ever taken, by table; built-in rows lie below. */
export async function listLastIds(db: Db): Promise<Map<string, number>> {
  const { rows } = await sql<{ name: string; last: number }>`
    select name, coalesce(pg_sequence_last_value(pg_get_serial_sequence(name, 'id')::regclass), 1000)::float8 as last
    from unnest(${[...new Set(order.map(tableOfIds))]}::text[]) as name
  `.execute(db)
  return new Map(rows.map(({ name, last }) => [name, last]))
}

/** Ids for new rows of a kind, taken for good whether they are used or not. Throws when they come to an end. */
export async function reserveIds(db: Db, entity: EntityName, count: number): Promise<number[]> {
  if (count === 0) return []
  // The sequence is looked up once and the ids come as one value: a row for each would cost many times as much.
  const { rows } = await sql<{ ids: string }>`
    select string_agg(nextval(sequence)::text, ',') as ids
    from (select pg_get_serial_sequence(${tableOfIds(entity)}, 'id')::regclass as sequence offset 0) as of_table,
      generate_series(1, ${count}::integer)
  `.execute(db)
  const ids = (rows[0]?.ids ?? '').split(',').map(Number)
  requireIds(entity, ids)
  return ids
}

/** What a change writes beside the graph, by column. */
export type ExtraColumns = Readonly<Record<string, unknown>>

type Part = BatchPart & { extra?: ExtraColumns }

/** Adds the new rows among many changes with a few statements: what needs others comes after them. */
export async function addRows(tx: Tx, parts: readonly Part[]): Promise<void> {
  for (const entity of order) {
    const added = parts.filter((part) => part.entity === entity && part.before === null)
    await insertRows(
      tx,
      entity,
      added.map(({ after, extra }) => ({ ...after, ...extra })),
    )
  }
}

/** Changes and removes the rows that are there already. */
export async function changeRows(tx: Tx, parts: readonly Part[]): Promise<void> {
  for (const entity of order) {
    const changed = parts.filter((part) => part.entity === entity && part.before !== null && part.after !== null)
    await updateRows(
      tx,
      entity,
      changed.map(({ after, extra }) => ({ ...after, ...extra })),
    )
  }
  for (const entity of [...order].reverse()) {
    const gone = parts.filter((part) => part.entity === entity && part.after === null)
    await deleteRows(
      tx,
      entity,
      gone.map(({ id }) => id),
    )
  }
}

async function insertRows(tx: Tx, entity: EntityName, rows: readonly object[]): Promise<void> {
  const { name, id } = tables[entity]
  for (const some of portions(rows)) {
    if (id !== undefined) {
      const kind = id === 'principal' && entity === 'userGroup' ? 'group' : entity
      const ids = list(entity, 'id', some)
      await sql`insert into ${sql.table(id)} (id, kind) select unnest(${ids}::integer[]), ${kind}::text`.execute(tx)
    }
    const columns = columnsOf(entity, some[0] ?? {})
    await sql`
      insert into ${sql.table(name)} (${sql.raw(columns.map(snake).join(', '))})
      select ${sql.raw(columns.map(expressionFor).join(', '))} from ${relation(entity, columns, some)}
    `.execute(tx)
  }
}

async function updateRows(tx: Tx, entity: EntityName, rows: readonly object[]): Promise<void> {
  const { name } = tables[entity]
  for (const some of portions(rows)) {
    const columns = columnsOf(entity, some[0] ?? {})
    const assignments = columns
      .filter((column) => column !== 'id')
      .map((column) => `${snake(column)} = ${expressionFor(column)}`)
    await sql`
      update ${sql.table(name)} as target set ${sql.raw(assignments.join(', '))}
      from ${relation(entity, columns, some)} where target.id = given.id
    `.execute(tx)
  }
}

async function deleteRows(tx: Tx, entity: EntityName, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const { name, id } = tables[entity]
  for (const table of id === undefined ? [name] : [name, id]) {
    await sql`delete from ${sql.table(table)} where id = any(${[...ids]}::integer[])`.execute(tx)
  }
}

type Row = Readonly<Record<string, unknown>>

function portions(rows: readonly object[]): Row[][] {
  const count = Math.ceil(rows.length / ROWS_PER_STATEMENT)
  return Array.from(
    { length: count },
    (_, n) => rows.slice(n * ROWS_PER_STATEMENT, (n + 1) * ROWS_PER_STATEMENT) as Row[],
  )
}

/** The columns of the graph and those beside it that are given; all rows of one call name the same. */
function columnsOf(entity: EntityName, row: object): string[] {
  return [...graphColumnNames[entity], ...tables[entity].extra.filter((column) => column in row)]
}

/** The rows as `given`. A list for each column, or one value where all of them have the same: most columns of an import. */
function relation(entity: EntityName, columns: readonly string[], rows: readonly Row[]) {
  const isSame = (column: string) => column !== 'id' && rows.every((row) => row[column] === rows[0]?.[column])
  const listed = columns.filter((column) => !isSame(column))
  const lists = listed.map((column) => sql`${list(entity, column, rows)}::${sql.raw(typeOf(entity, column))}[]`)
  const values = columns.map((column) =>
    listed.includes(column)
      ? sql.raw(`listed."${column}"`)
      : sql`${parameter(entity, column, rows[0])}::${sql.raw(typeOf(entity, column))} as ${sql.raw(`"${column}"`)}`,
  )
  const names = sql.raw(listed.map((column) => `"${column}"`).join(', '))
  return sql`(select ${sql.join(values)} from unnest(${sql.join(lists)}) as listed (${names})) as given`
}

/** Numbers as the text of an array: the driver would look at each for what must be quoted. */
function list(entity: EntityName, column: string, rows: readonly Row[]): unknown {
  if (typeOf(entity, column) !== 'integer') return rows.map((row) => parameter(entity, column, row))
  return `{${rows.map((row) => row[column] ?? 'null').join()}}`
}

function parameter(entity: EntityName, column: string, row: Row | undefined): unknown {
  const value = row?.[column] ?? null
  return value !== null && typeOf(entity, column) === 'jsonb' ? JSON.stringify(value) : value
}

function typeOf(entity: EntityName, column: string): string {
  // @NOTE an edge's own `edgeId` is the OpenEMS id; everywhere else it is the number of the row.
  return entity === 'edge' && column === 'edgeId' ? 'text' : (types[column] ?? 'text')
}

function expressionFor(column: string): string {
  const isInstant = types[column] === 'double precision'
  return isInstant ? `to_timestamp(given."${column}" / 1000)` : `given."${column}"`
}

function snake(column: string): string {
  return column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
