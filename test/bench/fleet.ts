/** A fleet as large installations have it, made from nothing but a number: the same number gives the same fleet. */

/** Sizes of a fleet; everything else follows from the number of edges in the proportions of a million. */
export interface FleetSize {
  edges: number
  users: number
  edgeGroups: number
  userGroups: number
}

/** Rows in columns, ids included, ready to be inserted. */
export interface Fleet {
  size: FleetSize
  firstUser: number
  firstUserGroup: number
  firstEdgeGroup: number
  firstEdge: number
  /** Principals are users, then user groups; resources are edge groups, then edges. */
  edgeNames: string[]
  comments: string[]
  producttypes: string[]
  memberships: { group: number[]; member: number[] }
  containments: { parent: number[]; child: number[] }
  grants: { principal: number[]; resource: number[]; role: number[]; from: (number | null)[]; to: (number | null)[] }
  classes: UserClass[]
}

/** Users who see about as much. `joins`: groups a newcomer joins to be one of them; `holds`: else what is granted to him. */
export interface UserClass {
  name: string
  users: number[]
  joins: number[]
  holds: number[]
}

/** Words of the texts that are searched for: a third of all edges, one in 300, one in 12,000. */
export const searchTerms = { common: 'haus', medium: 'town7x', rare: 'name55z' } as const
export const producttypeNames = Array.from({ length: 12 }, (_, index) => `Home ${index + 1}0`)

const FIRST_ID = 1000
const DEPTH = 10
const LEVEL_RATIO = 2.2
const SECOND_PARENTS = 0.2
const GRANTS_OF_A_USER = 10
const WITH_VALIDITY = 0.1
const YEAR_MS = 365 * 86_400_000
const PLATFORM = 1
const GUEST = 4
/** Long before and long after any run, so that time changes nothing while it is measured. */
const [PAST, FUTURE] = [Date.UTC(2015, 0), Date.UTC(2040, 0)]

/** The proportions of a million edges. */
export function sizeOf(edges: number): FleetSize {
  return { edges, users: edges / 10, edgeGroups: edges / 20, userGroups: edges / 50 }
}

/** Makes the fleet. */
export function createFleet(edges: number, seed = 1): Fleet {
  const size = sizeOf(edges)
  const random = randomOf(seed)
  const firstUserGroup = FIRST_ID + size.users
  const firstEdge = FIRST_ID + size.edgeGroups
  const fleet: Fleet = {
    size,
    firstUser: FIRST_ID,
    firstUserGroup,
    firstEdgeGroup: FIRST_ID,
    firstEdge,
    ...textsOf(edges, random),
    memberships: { group: [], member: [] },
    containments: { parent: [], child: [] },
    grants: { principal: [], resource: [], role: [], from: [], to: [] },
    classes: [],
  }
  nest(size.userGroups, random, (parent, child) => join(fleet, firstUserGroup + parent, firstUserGroup + child))
  nest(size.edgeGroups, random, (parent, child) => contain(fleet, FIRST_ID + parent, FIRST_ID + child))
  const roots = levelSizes(size.edgeGroups)[0] ?? 1
  for (let edge = 0; edge < edges; edge++) {
    contain(fleet, FIRST_ID + random(size.edgeGroups), firstEdge + edge)
    if (random(100) < 24) contain(fleet, FIRST_ID + random(size.edgeGroups), firstEdge + edge)
  }
  for (let group = 0; group < size.userGroups; group++) {
    for (let turn = 0; turn < 2; turn++) {
      grant(fleet, random, firstUserGroup + group, FIRST_ID + random(size.edgeGroups))
    }
  }
  const classUsers = addClasses(fleet, random, roots)
  for (let user = classUsers; user < size.users; user++) {
    if (random(100) < 60) join(fleet, firstUserGroup + random(size.userGroups), FIRST_ID + user)
    for (let turn = 0; turn < GRANTS_OF_A_USER; turn++) {
      grant(fleet, random, FIRST_ID + user, firstEdge + random(edges))
    }
  }
  return fleet
}

/** The users whose figures are taken; the groups of each class hang in chains as deep as any other group. */
function addClasses(fleet: Fleet, random: Random, roots: number): number {
  const { edges, users, userGroups } = fleet.size
  const reach = reachOf(fleet)
  let nextUser = FIRST_ID
  let nextGroup = fleet.firstUserGroup + userGroups
  const addClass = (name: string, count: number, holds: () => number[], isInChain: boolean) => {
    const found: UserClass = { name, users: [], joins: [], holds: [] }
    const perChain = 5
    for (let index = 0; index < Math.min(count, users / 10); index++) {
      const user = nextUser++
      found.users.push(user)
      if (!isInChain) {
        for (const resource of holds()) {
          plainGrant(fleet, user, resource)
          if (index === 0) found.holds.push(resource)
        }
        continue
      }
      if (index % perChain === 0) {
        const top = nextGroup
        nextGroup += DEPTH
        for (let level = 1; level < DEPTH; level++) join(fleet, top + level - 1, top + level)
        for (const resource of holds()) plainGrant(fleet, top, resource)
        found.joins.push(top + DEPTH - 1)
      }
      join(fleet, found.joins.at(-1) ?? 0, user)
    }
    fleet.classes.push(found)
  }
  const someEdges = () => Array.from({ length: 10 }, () => fleet.firstEdge + random(edges))
  addClass('10', 200, someEdges, false)
  for (const wanted of [1000, 10_000, 100_000]) {
    if (wanted < edges) addClass(String(wanted), 50, () => groupsReaching(fleet, random, reach, wanted), true)
  }
  addClass('all', 20, () => [PLATFORM], false)
  addClass('all, in groups', 10, () => Array.from({ length: roots }, (_, index) => FIRST_ID + index), true)
  fleet.size.userGroups = nextGroup - fleet.firstUserGroup
  return nextUser - FIRST_ID
}

type Reach = (group: number, seen: Set<number>, most: number) => number

/** Adds the edges below a group to a set, up to so many; returns how many are in it then. */
function reachOf({ containments: { parent, child }, firstEdge }: Fleet): Reach {
  const below = new Map<number, number[]>()
  for (const [index, container] of parent.entries()) {
    const children = below.get(container)
    if (children) children.push(child[index] ?? 0)
    else below.set(container, [child[index] ?? 0])
  }
  return (group, seen, most) => {
    const groups = new Set([group])
    for (const one of groups) {
      for (const node of below.get(one) ?? []) (node >= firstEdge ? seen : groups).add(node)
      if (seen.size > most) break
    }
    return seen.size
  }
}

/** Random groups below which lie so many edges, give or take a tenth. */
function groupsReaching(fleet: Fleet, random: Random, reach: Reach, wanted: number): number[] {
  const found: number[] = []
  let seen = new Set<number>()
  for (let turn = 0; turn < 100_000 && seen.size < 0.9 * wanted; turn++) {
    const group = FIRST_ID + random(turn < 3000 ? Math.ceil(fleet.size.edgeGroups / 8) : fleet.size.edgeGroups)
    const alone = reach(group, new Set(), 1.1 * wanted)
    if (alone > 1.1 * wanted || alone < 0.02 * wanted) continue
    const next = new Set(seen)
    if (reach(group, next, 1.1 * wanted) > 1.1 * wanted) continue
    seen = next
    found.push(group)
  }
  return found
}

function levelSizes(count: number): number[] {
  const weights = Array.from({ length: DEPTH }, (_, level) => LEVEL_RATIO ** level)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const sizes = weights.map((weight) => Math.max(1, Math.floor((count * weight) / sum)))
  sizes[DEPTH - 1] = count - sizes.slice(0, -1).reduce((total, one) => total + one, 0)
  return sizes
}

/** Groups in levels: each has a parent in the level above, some a second one. */
function nest(count: number, random: Random, link: (parent: number, child: number) => void): void {
  const sizes = levelSizes(count)
  let above = 0
  let start = 0
  for (const [level, size] of sizes.entries()) {
    for (let child = start; level > 0 && child < start + size; child++) {
      const parent = above + random(start - above)
      link(parent, child)
      const second = above + random(start - above)
      if (random(1000) < 1000 * SECOND_PARENTS && second !== parent) link(second, child)
    }
    above = start
    start += size
  }
}

function textsOf(count: number, random: Random): Pick<Fleet, 'edgeNames' | 'comments' | 'producttypes'> {
  const kinds = ['Haus', 'Wohnhaus', 'Hof', 'Schule', 'Gewerbe', 'Halle', 'Praxis']
  const texts: Pick<Fleet, 'edgeNames' | 'comments' | 'producttypes'> = {
    edgeNames: [],
    comments: [],
    producttypes: [],
  }
  for (let index = 0; index < count; index++) {
    texts.edgeNames.push(`edge${index}`)
    const kind = kinds[random(kinds.length)] ?? ''
    texts.comments.push(`${kind} Name${random(12_000)}z, Town${random(300)}x`)
    texts.producttypes.push(producttypeNames[random(producttypeNames.length)] ?? '')
  }
  return texts
}

function join({ memberships }: Fleet, group: number, member: number): void {
  memberships.group.push(group)
  memberships.member.push(member)
}

function contain({ containments: { parent, child } }: Fleet, container: number, content: number): void {
  // The second group of an edge may be its first.
  if (child.at(-1) === content && parent.at(-1) === container) return
  parent.push(container)
  child.push(content)
}

function plainGrant({ grants }: Fleet, principal: number, resource: number): void {
  grants.principal.push(principal)
  grants.resource.push(resource)
  grants.role.push(GUEST)
  grants.from.push(null)
  grants.to.push(null)
}

/** Of those with validity most hold now, a tenth each is over or is yet to begin. */
function grant({ grants }: Fleet, random: Random, principal: number, resource: number): void {
  grants.principal.push(principal)
  grants.resource.push(resource)
  grants.role.push(2 + random(3))
  const isLimited = random(1000) < 1000 * WITH_VALIDITY
  const when = random(10)
  const someTime = random(YEAR_MS)
  grants.from.push(isLimited ? (when === 0 ? FUTURE : PAST) + someTime : null)
  grants.to.push(isLimited && when !== 0 ? (when === 1 ? PAST + YEAR_MS : FUTURE) + someTime : null)
}

type Random = (below: number) => number

/** Whole numbers from 0 up to the limit, always the same ones (Mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}
