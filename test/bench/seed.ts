/** Fills an empty database: many edges with their keys, and one user who owns the first of them. Ends when told to. */
import { sql } from 'kysely'
import { insertGrant } from '../../src/access/grant-service.ts'
import { createUser } from '../../src/accounts/user-service.ts'
import { readConfig } from '../../src/config.ts'
import { type Db, openDatabase } from '../../src/db/database.ts'
import { migrateToLatest } from '../../src/db/migrate.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { deriveKey, keyedHash } from '../../src/lib/secrets.ts'
import { createLogger } from '../../src/log.ts'
import { start } from '../../src/start.ts'
import { sayReady } from './child.ts'
import { answerCommands } from './probe.ts'
import { apiKeyOf, benchUser, edgeNameOf, OWNED_EDGES } from './world.ts'

const { BENCH_EDGES: count, PATH: _path, ...env } = process.env
const config = readConfig(env)
const log = createLogger({ level: 'silent' })
{
  await using database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, log })
  await migrateToLatest(database.db, { log })
  await insertEdges(database.db, Number(count))
}
{
  await using started = await start({ config, log })
  const { ctx } = started
  const user = await createUser(
    ctx,
    { actorId: null },
    { login: benchUser.username, name: 'Bench', password: benchUser.password, globalRole: 'owner' },
  )
  await ctx.write({ actorId: null }, async (write) => {
    for (let index = 0; index < Math.min(OWNED_EDGES, Number(count)); index++) {
      const resourceId = write.index.edgeByName(edgeNameOf(index))?.id
      if (resourceId === undefined) throw new Error(`edge ${index} is missing`)
      const grant = { principalId: user.id, resourceId, role: 'owner', source: 'manual', grantedBy: null } as const
      await insertGrant(write, grant, 'grant.created')
    }
  })
}
answerCommands(
  {},
  () => 0,
  async () => undefined,
)
sayReady({})

/** Past the domain's own way, which takes a transaction for each: the graph is read from the tables at the start. */
async function insertEdges(db: Db, edges: number): Promise<void> {
  const pepper = deriveKey(config.secret ?? '', 'keyed-hash')
  const now = systemClock().toISOString()
  const names = Array.from({ length: edges }, (_, index) => edgeNameOf(index))
  const hashes = Array.from({ length: edges }, (_, index) => keyedHash(pepper, apiKeyOf(index)))
  await sql`insert into resource (kind) select 'edge' from generate_series(1, ${edges}::int)`.execute(db)
  await sql`
    insert into edge (id, edge_id, comment, producttype, created_at)
    select resource.id, new.name, 'House of ' || new.name, 'Home 10', ${now}::timestamptz
    from (select id, row_number() over (order by id) as position from resource where kind = 'edge') as resource
    join unnest(${names}::text[]) with ordinality as new (name, position) using (position)`.execute(db)
  await sql`
    insert into edge_key (edge_id, key_hash, created_at)
    select edge.id, new.hash, ${now}::timestamptz
    from unnest(${names}::text[], ${hashes}::text[]) as new (name, hash) join edge on edge.edge_id = new.name`.execute(
    db,
  )
}
