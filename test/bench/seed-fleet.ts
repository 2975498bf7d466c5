/** Fills an empty database with a fleet and tells who is in it. Ends when told to. */
import { writeFile } from 'node:fs/promises'
import bcrypt from 'bcrypt'
import { Client } from 'pg'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/database.ts'
import { migrateToLatest } from '../../src/db/migrate.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { deriveKey, keyedHash } from '../../src/lib/secrets.ts'
import { createLogger } from '../../src/log.ts'
import { sayReady } from './child.ts'
import { createFleet, type Fleet } from './fleet.ts'
import { answerCommands } from './probe.ts'
import { apiKeyOf, benchUser, fleetFile } from './world.ts'

const ROWS_AT_ONCE = 50_000

const { BENCH_EDGES: edges, BENCH_FOLDER: folder = '', BENCH_KEYS: withKeys, PATH: _path, ...env } = process.env
const config = readConfig(env)
const log = createLogger({ level: 'silent' })
{
  await using database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, log })
  await migrateToLatest(database.db, { log })
}
const client = new Client({ connectionString: config.databaseUrl })
await client.connect()
const fleet = createFleet(Number(edges))
await insertPrincipals(fleet)
await insertResources(fleet)
await insertLinks(fleet)
if (withKeys !== undefined) await insertKeys(fleet)
await setPasswords(fleet)
await client.query('vacuum analyze')
await client.end()
const { firstUser, firstEdge, firstEdgeGroup, firstUserGroup, size, classes } = fleet
await writeFile(
  fleetFile(folder),
  JSON.stringify({ firstUser, firstEdge, firstEdgeGroup, firstUserGroup, size, classes }),
)
answerCommands(
  {},
  () => 0,
  async () => undefined,
)
sayReady({})

async function insertPrincipals({ size, firstUser, firstUserGroup }: Fleet): Promise<void> {
  const now = systemClock().toISOString()
  const range = (count: number) => `select id from generate_series($1::int, $1 + ${count} - 1) as id`
  await client.query(`insert into principal (id, kind) select id, 'user' from (${range(size.users)})`, [firstUser])
  await client.query(
    `insert into user_account (id, login, email, name, created_at)
     select id, 'user' || id, 'user' || id || '@example.com', 'User ' || id, $2::timestamptz from (${range(size.users)})`,
    [firstUser, now],
  )
  await client.query(`insert into principal (id, kind) select id, 'group' from (${range(size.userGroups)})`, [
    firstUserGroup,
  ])
  await client.query(`insert into user_group (id, name) select id, 'Group ' || id from (${range(size.userGroups)})`, [
    firstUserGroup,
  ])
}

/** The first user of each class can sign in. */
async function setPasswords({ classes }: Fleet): Promise<void> {
  await client.query('update user_account set password_hash = $1 where id = any($2::int[])', [
    await bcrypt.hash(benchUser.password, 10),
    classes.map(({ users }) => users[0]),
  ])
}

async function insertResources({ size, firstEdgeGroup, firstEdge, ...texts }: Fleet): Promise<void> {
  const now = systemClock().toISOString()
  const range = (count: number) => `select id from generate_series($1::int, $1 + ${count} - 1) as id`
  await client.query(`insert into resource (id, kind) select id, 'edgeGroup' from (${range(size.edgeGroups)})`, [
    firstEdgeGroup,
  ])
  await client.query(`insert into edge_group (id, name) select id, 'Group ' || id from (${range(size.edgeGroups)})`, [
    firstEdgeGroup,
  ])
  await client.query(`insert into resource (id, kind) select id, 'edge' from (${range(size.edges)})`, [firstEdge])
  const ids = texts.edgeNames.map((_, index) => firstEdge + index)
  await insertColumns('edge (id, edge_id, comment, producttype, created_at)', {
    columns: [ids, texts.edgeNames, texts.comments, texts.producttypes],
    types: ['int', 'text', 'text', 'text'],
    more: `, timestamptz '${now}'`,
  })
}

async function insertLinks({ memberships, containments, grants }: Fleet): Promise<void> {
  const { group, member } = memberships
  await insertColumns('membership (group_id, member_id)', { columns: [group, member], types: ['int', 'int'] })
  const { parent, child } = containments
  await insertColumns('containment (parent_id, child_id)', { columns: [parent, child], types: ['int', 'int'] })
  const time = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  await insertColumns('access_grant (principal_id, resource_id, role_id, valid_from, valid_to)', {
    columns: [grants.principal, grants.resource, grants.role, grants.from.map(time), grants.to.map(time)],
    types: ['int', 'int', 'int', 'timestamptz', 'timestamptz'],
  })
}

async function insertKeys({ size, firstEdge }: Fleet): Promise<void> {
  const pepper = deriveKey(config.secret ?? '', 'keyed-hash')
  const indexes = Array.from({ length: size.edges }, (_, index) => index)
  await insertColumns('edge_key (edge_id, key_hash, created_at)', {
    columns: [indexes.map((index) => firstEdge + index), indexes.map((index) => keyedHash(pepper, apiKeyOf(index)))],
    types: ['int', 'text'],
    more: `, timestamptz '${systemClock().toISOString()}'`,
  })
}

interface Columns {
  columns: readonly (readonly unknown[])[]
  types: readonly string[]
  /** Further values, the same in each row. */
  more?: string
}

/** Inserts rows, many in one statement. */
async function insertColumns(into: string, { columns, types, more = '' }: Columns): Promise<void> {
  const parameters = types.map((type, index) => `$${index + 1}::${type}[]`)
  const text = `insert into ${into} select part.*${more} from unnest(${parameters.join(', ')}) as part`
  for (let start = 0; start < (columns[0]?.length ?? 0); start += ROWS_AT_ONCE) {
    await client.query(
      text,
      columns.map((column) => column.slice(start, start + ROWS_AT_ONCE)),
    )
  }
}
