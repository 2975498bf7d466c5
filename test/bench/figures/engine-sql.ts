import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Client } from 'pg'
import type { FleetFacts } from '../engine-crowd.ts'
import type { EngineSample } from '../engine-pages.ts'
import { type Figure, median, round } from '../report.ts'
import { fleetFile } from '../world.ts'
import type { Measure } from './plan.ts'

const QUESTIONS = 20
/** A plan that goes wrong is not waited for. */
const LIMIT_MS = 2000
/** What PostgreSQL says of a statement that took longer. */
const CANCELLED = '57014'

const isValid = '(valid_from is null or valid_from <= now()) and (valid_to is null or now() < valid_to)'
const granted = `granted (id) as materialized (
    select distinct resource_id from access_grant join mine on principal_id = mine.id where ${isValid}
  )`

/** The user's groups, and what is granted to them or to him. */
const recursive = `
  with recursive mine (id) as (
    select $1::int union select group_id from mine join membership on member_id = mine.id where state = 'active'
  ), ${granted}`
const closed = `
  with mine (id) as materialized (
    select $1::int
    union select above from membership join bench_user_groups on below = group_id
    where member_id = $1 and state = 'active'
  ), ${granted}`
const insideRecursive = `${recursive}, inside (id) as (
    select id from granted union select child_id from inside join containment on parent_id = inside.id
  )`
const insideClosed = `${closed}, inside (id) as (
    select id from granted
    union select child_id from granted join bench_edge_groups on above = granted.id
      join containment on parent_id = below
  )`
/** Fetches what is inside one by one, or joins it with all edges as the planner likes it. */
const oneByOne = `
  select page.* from inside, lateral (select * from edge where edge.id = inside.id offset 0) page order by id limit 20`
const joined = 'select edge.* from inside join edge using (id) order by id limit 20'

/**
 * The same two questions in SQL: is the edge in what is granted, and the first twenty edges by their numbers. No way to a
 * page is good for everybody: what is inside is put together, or edges are tried in their order until twenty are found.
 */
const statements = {
  recursive: {
    check: [
      `${recursive}, above (id) as (
        select $2::int union select parent_id from above join containment on child_id = above.id
      ) select 1 from granted join above using (id) limit 1`,
    ],
    page: [
      `${insideRecursive} ${joined}`,
      `${insideRecursive} ${oneByOne}`,
      `${recursive} select * from edge where exists (
        with recursive above (id) as (
          select edge.id union select parent_id from above join containment on child_id = above.id
        ) select 1 from above where id in (select id from granted)
      ) order by id limit 20`,
    ],
  },
  closure: {
    check: [
      `${closed} select 1 from granted where id = $2::int or id in (
        select above from containment join bench_edge_groups on below = parent_id where child_id = $2) limit 1`,
    ],
    page: [
      `${insideClosed} ${joined}`,
      `${insideClosed} ${oneByOne}`,
      `${closed} select * from edge where id in (select id from granted) or exists (
        select 1 from containment join bench_edge_groups on below = parent_id
        where child_id = edge.id and above in (select id from granted)
      ) order by id limit 20`,
    ],
  },
} as const

/**
 * The engine against recursive SQL and against closure tables of groups, which somebody would have to keep current; of several
 * ways in SQL the quickest for each kind of user, as if it were known beforehand.
 */
export const engineSql: Measure = async ({ scale, fleet, say }) => {
  const world = await fleet(scale.fleets.at(-1) ?? 0)
  const { classes, firstEdge, size } = JSON.parse(await readFile(fleetFile(world.folder), 'utf8')) as FleetFacts
  await using child = await world.startEngine()
  const samples = await child.ask<EngineSample[]>('sample')
  const client = new Client({ connectionString: world.env['DATABASE_URL'] })
  await client.connect()
  const figures: Figure[] = []
  try {
    await createClosure(client, 'bench_user_groups', 'membership', 'group_id', 'member_id', 'user_group')
    await createClosure(client, 'bench_edge_groups', 'containment', 'parent_id', 'child_id', 'edge_group')
    await client.query(`set statement_timeout = ${LIMIT_MS}`)
    await client.query('set plan_cache_mode = force_custom_plan')
    // A grant on the platform is a case of its own in SQL: no question to the graph.
    for (const { name, users } of classes.filter((one) => one.name !== 'all')) {
      const sample = samples.find((one) => one.name === name)
      for (const [way, { check, page }] of Object.entries(statements)) {
        const edge = (turn: number) => firstEdge + ((turn * 7919) % size.edges)
        const user = (turn: number) => users[turn % users.length]
        const checkMs = await quickestMs(client, check, (turn) => [user(turn), edge(turn)])
        const pageMs = await quickestMs(client, page, (turn) => [user(turn)])
        figures.push(gain(`check, sees ${name}, ${way} SQL`, sample?.checkMs, checkMs))
        figures.push(gain(`first page, sees ${name}, ${way} SQL`, sample?.pageMs, pageMs))
        say(`${way} SQL, sees ${name}: check ${round(checkMs)} ms, page ${round(pageMs)} ms`)
      }
    }
  } finally {
    await client.query('drop table if exists bench_user_groups, bench_edge_groups')
    await client.end()
  }
  return figures
}

function gain(name: string, ours = Number.NaN, theirs: number): Figure {
  const note = theirs >= LIMIT_MS ? 'SQL not finished' : 'medians; SQL with its round trip on this machine'
  return {
    name,
    ours: `${round(1000 * ours)} us`,
    bare: `${round(1000 * theirs, 0)} us`,
    ratio: `${round(theirs / ours, 0)} x quicker`,
    goal: '',
    met: undefined,
    note,
  }
}

/** Every group with all groups it lies in, itself included. */
async function createClosure(
  client: Client,
  table: string,
  relation: string,
  parent: string,
  child: string,
  group: string,
): Promise<void> {
  await client.query(`
    create table ${table} as with recursive pairs (above, below) as (
      select id, id from ${group}
      union select above, ${child} from pairs join ${relation} on ${parent} = below join ${group} on ${group}.id = ${child}
    ) select * from pairs`)
  await client.query(`create unique index on ${table} (below, above)`)
  await client.query(`create unique index on ${table} (above, below)`)
  await client.query(`analyze ${table}`)
}

/** The median of the quickest way. */
async function quickestMs(
  client: Client,
  ways: readonly string[],
  valuesOf: (turn: number) => unknown[],
): Promise<number> {
  const all: number[] = []
  for (const way of ways) all.push(await medianMs(client, way, valuesOf))
  return Math.min(...all)
}

async function medianMs(client: Client, text: string, valuesOf: (turn: number) => unknown[]): Promise<number> {
  const name = createHash('sha256').update(text).digest('hex').slice(0, 60)
  const times: number[] = []
  for (let turn = 0; turn < QUESTIONS; turn++) {
    const startedAt = performance.now()
    const isDone = await client.query({ name, text, values: valuesOf(turn) }).then(
      () => true,
      (error: { code?: string }) => {
        if (error.code !== CANCELLED) throw error
        return false
      },
    )
    times.push(isDone ? performance.now() - startedAt : LIMIT_MS)
    if (!isDone && turn >= 2) break
    if (turn >= 4 && median(times) > 500) break
  }
  return median(times)
}
