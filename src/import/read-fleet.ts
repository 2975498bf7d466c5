import { FLEET_FORMAT, type FleetSection, fleetSectionNames } from './fleet-format.ts'
import { recordsOf, requireKnown } from './fleet-records.ts'
import { FleetUsers } from './fleet-users.ts'
import { jsonMembers, type Member } from './json-members.ts'
import type { ImportInput, ImportItem, ImportLimits, ImportProblem, ReadOptions } from './model.ts'
import type { Pace } from './pace.ts'
import { readText } from './read-text.ts'
import { problemAt, Unreadable } from './unreadable.ts'
import { yamlMembers } from './yaml-members.ts'

/** Members that say what the file is, before its lists. */
const heads = ['format', 'version'] as const

const said = new RegExp(`["']?format["']?\\s*:\\s*["']?${FLEET_FORMAT}\\b`)

/** Whether a file that begins like this says that it is a fleet. */
export function isFleet({ text }: { text?: string }): boolean {
  return text !== undefined && said.test(text)
}

/** Reads the file of a whole fleet, JSON or YAML; see `fleet-format.ts`. */
export async function* readFleet(
  input: ImportInput,
  { pace }: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  const seen = new Set<string>()
  const users = new FleetUsers()
  let rows = 0
  for await (const member of await membersOf(input, limits, pace)) {
    if ('kind' in member) {
      yield member
      continue
    }
    if ('begins' in member) {
      yield* users.end()
      seen.add(member.member)
      yield* misplaced(member)
      continue
    }
    if (isHead(member.member)) requireKnown(member.member, member.value, member.place)
    if (!isSection(member.member) || typeof member.key !== 'number') continue
    if (++rows > limits.maxRows) {
      throw new Unreadable(member.place, 'limit', `The file has more than ${limits.maxRows} entries: split it`)
    }
    if (member.member === 'users') yield* users.next(member.value, member.place)
    else yield* recordsOf(member.member, member.value, member.place)
  }
  yield* users.end()
  for (const head of heads) if (!seen.has(head)) requireKnown(head, undefined, { file: input.name })
}

/** A member that there is not, or a list that is none. */
function* misplaced({ place, member, begins }: Extract<Member, { begins: string }>): Generator<ImportProblem> {
  if (isHead(member)) return
  const names = [...heads, ...fleetSectionNames].join(', ')
  if (!isSection(member)) yield problemAt(place, 'format', `There is no such member: a fleet file has ${names}`)
  else if (begins !== 'list') yield problemAt(place, 'format', 'This must be a list')
}

async function membersOf(
  input: ImportInput,
  limits: ImportLimits,
  pace: Pace | undefined,
): Promise<AsyncIterable<Member | ImportProblem>> {
  const isJson = (await firstCharacter(input, limits)) === '{'
  return isJson ? jsonMembers(input, limits, { wanted: ['*'], whole: heads }) : yamlMembers(input, limits, pace)
}

async function firstCharacter(input: ImportInput, limits: ImportLimits): Promise<string | undefined> {
  for await (const text of readText(input, limits)) {
    const first = text.trimStart()[0]
    if (first !== undefined) return first
  }
  return undefined
}

function isHead(member: string): boolean {
  return heads.some((head) => head === member)
}

function isSection(member: string): member is FleetSection {
  return fleetSectionNames.some((name) => name === member)
}
