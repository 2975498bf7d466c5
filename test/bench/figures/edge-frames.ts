import { systemClock } from '../../../src/lib/clock.ts'
import { homeChannels } from '../../../src/simulator/channels.ts'
import { frameOf } from '../wire.ts'

const keys = homeChannels
  .map(({ key }) => JSON.parse(key.slice(0, -1)) as string)
  .filter((name) => !name.startsWith('_meta/') && name !== '_sum/State')

/** Name of the nth channel of an edge: real ones first, then made up. */
export function channelOf(index: number): string {
  return keys[index] ?? `meter0/Sample${index}`
}

/** The full snapshot that an edge sends first: state, version and so many channels. */
export function firstText(edge: number, channels: number): string {
  const values: Record<string, unknown> = { '_sum/State': edge % 4, '_meta/Version': '2024.10.0' }
  for (let index = 0; index < channels - 2; index++) values[channelOf(index)] = (edge * 31 + index * 7) % 10_000
  return JSON.stringify({ jsonrpc: '2.0', method: 'timestampedData', params: { [stamp()]: values } })
}

/** The same, ready to be sent. */
export function firstData(edge: number, channels: number): Buffer {
  return frameOf(firstText(edge, channels))
}

/** What an edge sends each second: some changed values. */
export function changedText(edge: number, second: number, changes: number, channels: number): string {
  let members = ''
  for (let change = 0; change < changes; change++) {
    const channel = channelOf((second * changes + change) % (channels - 2))
    members += `${members && ','}"${channel}":${(edge * 17 + second * 131 + change) % 10_000}`
  }
  return `{"jsonrpc":"2.0","method":"timestampedData","params":{"${stamp()}":{${members}}}}`
}

/** The same, ready to be sent. */
export function changedData(edge: number, second: number, changes: number, channels: number): Buffer {
  return frameOf(changedText(edge, second, changes, channels))
}

function stamp(): number {
  return Math.floor(systemClock().getTime() / 1000) * 1000
}
