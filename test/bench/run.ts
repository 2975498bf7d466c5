/** `npm run bench`: the figures of the service, each against the bare limit of the same machine in the same run. */
import { Command, Option } from 'commander'
import { edgeApps } from './figures/edge-apps.ts'
import { engine } from './figures/engine.ts'
import { engineSql } from './figures/engine-sql.ts'
import { getEdges } from './figures/get-edges.ts'
import { importing } from './figures/import.ts'
import { ingest } from './figures/ingest.ts'
import { memory } from './figures/memory.ts'
import { mirror } from './figures/mirror.ts'
import { type Bench, type Measure, type Scale, scales } from './figures/plan.ts'
import { roundTrips } from './figures/round-trips.ts'
import { rpcLayer } from './figures/rpc-layer.ts'
import { signIn } from './figures/sign-in.ts'
import { start } from './figures/start.ts'
import { storm } from './figures/storm.ts'
import { tables } from './figures/tables.ts'
import { type Figure, machineFacts, toTable } from './report.ts'
import { createWorld, type EngineName, type World } from './world.ts'

const measures: Readonly<Record<string, Measure>> = {
  roundTrips,
  rpcLayer,
  storm,
  memory,
  ingest,
  edgeApps,
  tables,
  signIn,
  start,
  engine,
  engineSql,
  getEdges,
  mirror,
  import: importing,
}

interface Options {
  scale: keyof typeof scales
  engine: EngineName
  rounds?: string
  profile?: string
  json?: true
  edges?: string
  users?: string
}

await new Command('bench')
  .description('Measure the service against bare limits')
  .argument('[figures...]', `which: ${Object.keys(measures).join(', ')} (default: all)`)
  .addOption(new Option('--scale <name>', 'how much').choices(Object.keys(scales)).default('full'))
  .addOption(
    new Option('--engine <name>', 'database of the service').choices(['postgres', 'embedded']).default('postgres'),
  )
  .option('--rounds <count>', 'rounds instead of the usual number')
  .option('--profile <folder>', 'write CPU profiles of the service there (figures get worse)')
  .option('--edges <count>', 'edges of the largest fleet instead of the usual number')
  .option('--users <count>', 'users of the imported file instead of the usual number')
  .option('--json', 'print one JSON object')
  .action(run)
  .parseAsync()

async function run(names: string[], options: Options): Promise<void> {
  const unknown = names.filter((name) => !Object.hasOwn(measures, name))
  if (unknown.length > 0)
    throw new Error(`No such figure: ${unknown.join(', ')}. There are: ${Object.keys(measures).join(', ')}`)
  const facts = machineFacts()
  const figures: Figure[] = []
  await using stack = new AsyncDisposableStack()
  const bench = benchOf(options, stack)
  for (const name of names.length > 0 ? names : Object.keys(measures)) {
    bench.say(name)
    const found = (await measures[name]?.(bench)) ?? []
    figures.push(...found)
    if (!options.json) process.stderr.write(toTable(found))
  }
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ facts, scale: options.scale, engine: options.engine, figures }, undefined, 2)}\n`,
    )
  else
    process.stdout.write(
      `\n${Object.entries(facts)
        .map(([name, value]) => `${name}: ${value}`)
        .join('; ')}\n\n${toTable(figures)}`,
    )
}

function benchOf(
  { scale: scaleName, engine, rounds, profile, edges: most, users }: Options,
  stack: AsyncDisposableStack,
): Bench {
  const usual = scales[scaleName]
  const scale: Scale = {
    ...usual,
    ...(rounds === undefined ? {} : { rounds: Number(rounds) }),
    ...(most === undefined ? {} : { fleets: [...usual.fleets.filter((edges) => edges < Number(most)), Number(most)] }),
    ...(users === undefined ? {} : { importUsers: Number(users) }),
  }
  const profiled = profile === undefined ? {} : { profileDir: profile }
  const worlds = new Map<EngineName, Promise<World>>()
  const edges = Math.max(scale.stormEdges, scale.memoryEdges, scale.ingestEdges, scale.startEdges)
  const create = async (name: EngineName): Promise<World> =>
    stack.use(await createWorld({ engine: name, edges, ...profiled }))
  const fleets = new Map<number, Promise<World>>()
  const createFleet = async (edges: number): Promise<World> =>
    stack.use(await createWorld({ engine: 'postgres', edges, isFleet: true, ...profiled }))
  return {
    scale,
    world(name = engine) {
      const known = worlds.get(name) ?? create(name)
      worlds.set(name, known)
      return known
    },
    fleet(edges) {
      const known = fleets.get(edges) ?? createFleet(edges)
      fleets.set(edges, known)
      return known
    },
    say: (line) => void process.stderr.write(`${line}\n`),
  }
}
