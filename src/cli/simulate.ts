import { Command, InvalidArgumentError, Option } from 'commander'
import { problem } from '../errors.ts'
import { systemClock } from '../lib/clock.ts'
import { type FleetOptions, type FleetStatus, startFleet } from '../simulator/fleet.ts'
import { stopSignal } from './stop-signal.ts'

interface SimulateOptions {
  url: string
  edges: number
  first: number
  apiKeyPrefix: string
  profile: 'home' | 'lean'
  channels: number
  changes: number
  connectRate: number
  reconnect: { minMs: number; maxMs: number }
  localAddresses?: string[]
  duration?: number
  json?: true
}

const PROGRESS_EVERY_MS = 5000

/** `simulate`: lets simulated edges connect to an edge port until it is stopped. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description('Run simulated edges against an edge port')
    .option('--url <url>', 'edge port', websocketUrl, 'ws://127.0.0.1:8081')
    .option('--edges <count>', 'how many edges', count, 1)
    .option('--first <index>', 'index of the first edge', count, 0)
    .option('--api-key-prefix <text>', 'API key of an edge: this and its index', 'edge')
    .option('--profile <name>', 'home: a believable day; lean: numbers for load tests', profile, 'home')
    .option('--channels <count>', 'lean: channels per edge', count, 100)
    .option('--changes <count>', 'lean: changed values per edge and second', amount, 10)
    .option('--connect-rate <count>', 'connection attempts per second', amount, 200)
    .addOption(
      new Option('--reconnect <seconds>', 'range of the waiting time between attempts')
        .argParser(secondsRange)
        .default({ minMs: 10_000, maxMs: 100_000 }, '10-100'),
    )
    .option('--local-addresses <list>', 'source addresses, separated by commas', list)
    .option('--duration <seconds>', 'stop after so long', amount)
    .option('--json', 'print one JSON object per line')
    .action(async (options: SimulateOptions) => {
      const { connected, lastLoss, lastRefusal } = await simulate(options)
      if (connected >= options.edges) return
      const why = lastLoss ?? lastRefusal
      throw problem(
        `${connected} of ${options.edges} edge(s) were connected at the end${why === null ? '.' : `: ${why}`}`,
      )
    })
}

/** Runs until the duration is over or the process is told to stop; returns the status it had then. */
async function simulate(options: SimulateOptions): Promise<FleetStatus> {
  const startedAt = systemClock().getTime()
  let printedAt = startedAt
  let before = 0
  const print = (status: FleetStatus) => {
    const at = systemClock().getTime()
    const perSecond = Math.round(((status.framesSent - before) / Math.max(1, at - printedAt)) * 1000)
    const seconds = Math.round((at - startedAt) / 1000)
    printedAt = at
    before = status.framesSent
    process.stdout.write(
      `${options.json ? jsonLine(seconds, status) : textLine(seconds, options, status, perSecond)}\n`,
    )
  }
  const fleet = startFleet({
    ...fleetOptions(options),
    onStatus: (status) => {
      if (systemClock().getTime() - printedAt >= PROGRESS_EVERY_MS) print(status)
    },
  })
  try {
    await stopSignal(options.duration)
    const last = fleet.status()
    print(last)
    return last
  } finally {
    await fleet[Symbol.asyncDispose]()
  }
}

function fleetOptions(options: SimulateOptions): FleetOptions {
  const { url, edges, first, apiKeyPrefix, connectRate, reconnect, localAddresses } = options
  return {
    url,
    edges,
    first,
    apiKey: (index) => `${apiKeyPrefix}${index}`,
    profile: options.profile === 'home' ? 'home' : { channels: options.channels, changesPerSecond: options.changes },
    connectPerSecond: connectRate,
    reconnect,
    ...(localAddresses && { localAddresses }),
  }
}

function textLine(seconds: number, { edges }: SimulateOptions, status: FleetStatus, perSecond: number): string {
  const { connected, connecting, refused, lost, framesReceived, requestsAnswered, lastRefusal, lastLoss } = status
  const parts = [
    `${seconds} s`,
    `connected ${connected}/${edges}`,
    `connecting ${connecting}`,
    `refused ${refused}${lastRefusal ? ` (${lastRefusal})` : ''}`,
    ...(lost > 0 ? [`lost ${lost} (${lastLoss})`] : []),
    `sent ${status.framesSent} (${perSecond}/s)`,
    `received ${framesReceived}`,
    `answered ${requestsAnswered}`,
  ]
  return parts.join(', ')
}

function jsonLine(seconds: number, status: FleetStatus): string {
  return JSON.stringify({ seconds, ...status })
}

function count(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Not a whole number.')
}

function amount(text: string): number {
  const value = Number(text)
  if (text !== '' && value > 0) return value
  throw new InvalidArgumentError('Not a number above 0.')
}

function profile(text: string): 'home' | 'lean' {
  if (text === 'home' || text === 'lean') return text
  throw new InvalidArgumentError('Profiles: home, lean.')
}

function secondsRange(text: string): { minMs: number; maxMs: number } {
  const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(text)
  const min = Number(match?.[1])
  const max = Number(match?.[2] ?? match?.[1])
  if (min <= max) return { minMs: min * 1000, maxMs: max * 1000 }
  throw new InvalidArgumentError('Not a range like 10-100.')
}

function list(text: string): string[] {
  const items = text.split(',').map((item) => item.trim())
  if (items.every((item) => item !== '')) return items
  throw new InvalidArgumentError('An address is missing.')
}

function websocketUrl(text: string): string {
  if (/^wss?:\/\//.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('Not a websocket address, like ws://127.0.0.1:8081.')
}
