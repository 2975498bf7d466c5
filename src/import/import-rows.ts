import { sql } from 'kysely'
import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { Db, Tx } from '../db/database.ts'
import { graphColumnNames } from '../db/graph-rows.ts'

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

/** Ids for new rows of a kind, taken for good whether they are used or not. */
export async function reserveIds(db: Db, entity: EntityName, count: number): Promise<number[]> {
  if (count === 0) return []
  const { id, name } = tables[entity]
  // The sequence is looked up once and the ids come as one value: a row for each would cost many times as much.
  const { rows } = await sql<{ ids: string }>`
    select string_agg(nextval(sequence)::text, ',') as ids
    from (select pg_get_serial_sequence(${id ?? name}, 'id')::regclass as sequence offset 0) as of_table,
      generate_series(1, ${count}::integer)
  `.execute(db)
  return (rows[0]?.ids ?? '').split(',').map(Number)
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
  const [first] = rows
  if (first === undefined) return
  const { name, id } = tables[entity]
  if (id !== undefined) {
    const kind = id === 'principal' && entity === 'userGroup' ? 'group' : entity
    const ids = JSON.stringify(rows.map((row) => (row as { id: number }).id))
    await sql`
      insert into ${sql.table(id)} (id, kind) select value::integer, ${kind} from jsonb_array_elements_text(${ids}::jsonb)
    `.execute(tx)
  }
  const columns = columnsOf(entity, first)
  await sql`
    insert into ${sql.table(name)} (${sql.raw(columns.map(snake).join(', '))})
    select ${sql.raw(columns.map(expressionFor).join(', '))} from ${recordset(entity, columns, rows)}
  `.execute(tx)
}

async function updateRows(tx: Tx, entity: EntityName, rows: readonly object[]): Promise<void> {
  const [first] = rows
  if (first === undefined) return
  const { name } = tables[entity]
  const columns = columnsOf(entity, first)
  const assignments = columns
    .filter((column) => column !== 'id')
    .map((column) => `${snake(column)} = ${expressionFor(column)}`)
  await sql`
    update ${sql.table(name)} as target set ${sql.raw(assignments.join(', '))}
    from ${recordset(entity, columns, rows)} where target.id = given.id
  `.execute(tx)
}

async function deleteRows(tx: Tx, entity: EntityName, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  const { name, id } = tables[entity]
  for (const table of id === undefined ? [name] : [name, id]) {
    await sql`
      delete from ${sql.table(table)}
      where id in (select value::integer from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb))
    `.execute(tx)
  }
}

/** The columns of the graph and those beside it that are given; all rows of one call name the same. */
function columnsOf(entity: EntityName, row: object): string[] {
  return [...graphColumnNames[entity], ...tables[entity].extra.filter((column) => column in row)]
}

function recordset(entity: EntityName, columns: readonly string[], rows: readonly object[]) {
  // @NOTE an edge's own `edgeId` is the OpenEMS id; everywhere else it is the number of the row.
  const typeOf = (column: string) => (entity === 'edge' && column === 'edgeId' ? 'text' : (types[column] ?? 'text'))
  const described = columns.map((column) => `"${column}" ${typeOf(column)}`).join(', ')
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given (${sql.raw(described)})`
}

function expressionFor(column: string): string {
  const isInstant = types[column] === 'double precision'
  return isInstant ? `to_timestamp(given."${column}" / 1000)` : `given."${column}"`
}

function snake(column: string): string {
  return column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
