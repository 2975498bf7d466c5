import { readFile } from 'node:fs/promises'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { builtInRoles } from '../../src/access/roles.ts'
import { constraintTexts } from '../../src/db/pg-errors.ts'
import { eachEngine } from '../harness/database.ts'

interface Column {
  table: string
  column: string
  type: string
  nullable: boolean
  optional: boolean
}

eachEngine('schema', (engine) => {
  it('has exactly the tables, columns, types and defaults that src/db/schema.ts says', async () => {
    await using database = await engine.open()
    const { rows } = await sql<Column>`
      select table_name as "table", column_name as "column", data_type as type, is_nullable = 'YES' as nullable,
        is_nullable = 'YES' or column_default is not null or is_identity = 'YES' as optional
      from information_schema.columns
      where table_schema = 'public' and table_name not like 'kysely\\_%'
      order by table_name, column_name`.execute(database.db)
    expect(await declaredColumns()).toEqual(rows.map((row) => line(camel(row.table), camel(row.column), row)))
  })

  it('inserts the built-in roles as src/access/roles.ts says', async () => {
    await using database = await engine.open()
    expect(await database.db.selectFrom('role').selectAll().orderBy('id').execute()).toEqual(builtInRoles)
  })

  it('names every constraint and index, and has a text for each rule that a value can break', async () => {
    await using database = await engine.open()
    const { rows } = await sql<{ name: string; type: string; table: string }>`
      select conname as name, contype as type, conrelid::regclass::text as "table" from pg_constraint
      where connamespace = 'public'::regnamespace and contype <> 'n'
      union all
      select relname, 'i', indrelid::regclass::text from pg_index join pg_class on pg_class.oid = indexrelid
      where relnamespace = 'public'::regnamespace and indisunique and not indisprimary
        and not exists (select from pg_constraint where conindid = indexrelid)`.execute(database.db)
    const ours = rows.filter(({ table }) => !table.startsWith('kysely_'))
    expect(ours.filter(({ name, table }) => !name.startsWith(table.replaceAll('"', '')))).toEqual([])
    expect(ours.filter(({ name }) => /_(pkey|key|fkey|check\d*)$/.test(name))).toEqual([])
    const breakable = ours.filter(({ type }) => 'uci'.includes(type)).map(({ name }) => name)
    expect(Object.keys(constraintTexts).sort()).toEqual(breakable.filter((name) => !fixedByCode.includes(name)).sort())
  })

  it('has an index for every foreign key, and lets none touch a row of the graph', async () => {
    await using database = await engine.open()
    const { rows: unindexed } = await sql<{ name: string }>`
      select conname as name from pg_constraint as foreign_key
      where contype = 'f' and not exists (
        select from pg_index where indrelid = conrelid and indpred is null and indkey[0] = foreign_key.conkey[1])`.execute(
      database.db,
    )
    expect(unindexed).toEqual([])
    const { rows: cascading } = await sql<{ table: string }>`
      select distinct conrelid::regclass::text as "table" from pg_constraint
      where contype = 'f' and confdeltype <> 'a' order by 1`.execute(database.db)
    expect(cascading.map(({ table }) => table)).toEqual(besideTheGraph)
  })
})

/** Rules about values that only the service itself chooses. */
const fixedByCode = [
  'import_job_state_known',
  'principal_kind_known',
  'release_floor_one_row',
  'resource_kind_known',
  'setup_protocol_type_known',
]
const besideTheGraph = [
  'default_edge_group',
  'edge_config',
  'edge_config_change',
  'edge_key_copy',
  'edge_state',
  'impersonation_consent',
  'import_access',
  'import_invitee',
  'import_job',
  'import_key',
  'invitation',
  'managed_account',
  'service_token',
  'session',
  'setup_protocol',
  'user_alerting',
  'user_profile',
]

const typesOfColumns: Record<string, string> = {
  boolean: 'boolean',
  integer: 'number',
  smallint: 'number',
  bigint: 'number',
  'double precision': 'number',
  text: 'string',
  uuid: 'string',
  jsonb: 'json',
  'timestamp with time zone': 'Date',
}

function line(table: string, column: string, { type, nullable, optional }: Omit<Column, 'table' | 'column'>): string {
  return `${table}.${column}: ${typesOfColumns[type] ?? type}${nullable ? ' | null' : optional ? ' = default' : ''}`
}

/** Reads src/db/schema*.ts as text, in the few forms that they are written in. */
async function declaredColumns(): Promise<string[]> {
  const parts = ['schema', 'schema-people', 'schema-fleet']
  const texts = parts.map((part) => readFile(new URL(`../../src/db/${part}.ts`, import.meta.url), 'utf8'))
  const source = (await Promise.all(texts)).join('\n')
  const interfaces = new Map<string, string>()
  for (const [, name = '', body = ''] of source.matchAll(/export interface (\w+) \{\n([^}]*)\}/g))
    interfaces.set(name, body)
  const lines: string[] = []
  for (const [, table = '', type = ''] of (interfaces.get('Database') ?? '').matchAll(/^ {2}(\w+): (\w+)$/gm)) {
    for (const [, column = '', declared = ''] of (interfaces.get(type) ?? '').matchAll(/^ {2}(\w+): (.+)$/gm)) {
      lines.push(`${table}.${column}: ${describeType(declared)}`)
    }
  }
  return lines.sort()
}

function describeType(declared: string): string {
  if (/^NullableJson</.test(declared)) return 'json | null'
  if (/^DefaultedJson</.test(declared)) return 'json = default'
  if (/^Json</.test(declared)) return 'json'
  const [, generated, inner] = /^(Generated<)?(.*?)>?$/.exec(declared) ?? []
  const nullable = inner?.endsWith(' | null') ?? false
  const base = (inner ?? '').replace(/ \| null$/, '')
  const plain = ['string', 'number', 'boolean', 'Date'].includes(base) ? base : 'string'
  return `${plain}${nullable ? ' | null' : generated ? ' = default' : ''}`
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_match, letter: string) => letter.toUpperCase())
}
