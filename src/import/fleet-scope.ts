import type { AccessIndex } from '../access/access-index.ts'
import {
  type EdgeGroupRow,
  type EdgeRow,
  LOCAL_OPERATOR_PRINCIPAL_ID,
  type OrganisationRow,
  type RoleRow,
  type ServiceRow,
  type SiteRow,
  type UserGroupRow,
  type UserRow,
} from '../access/model.ts'
import { builtInRoles } from '../access/roles.ts'

/** The rows that make a fleet, or what one organisation has of it. */
export interface FleetRows {
  /** Whether these are all: then accounts are written whole, else only what tells who somebody is. */
  isWhole: boolean
  organisation: OrganisationRow[]
  role: RoleRow[]
  user: UserRow[]
  service: ServiceRow[]
  userGroup: UserGroupRow[]
  site: SiteRow[]
  edge: EdgeRow[]
  edgeGroup: EdgeGroupRow[]
}

/** Collects in steps; the caller decides when the event loop gets its turn. */
type Steps<T> = Generator<undefined, T>

/** So many rows are looked at in one step. */
const STEP = 5000

/** The rows of the whole service, or of a main organisation with all that belongs to its tree. */
export function* collectFleet(index: AccessIndex, organisationId: number | null): Steps<FleetRows> {
  const tree = organisationId === null ? undefined : treeOf(index, organisationId)
  const belongs = (row: { organisationId: number | null }) =>
    tree === undefined || (row.organisationId !== null && tree.has(row.organisationId))
  const site = yield* those(index.rows('site'), belongs)
  const sites = new Set(site.map(({ id }) => id))
  const rows: FleetRows = {
    isWhole: tree === undefined,
    organisation: yield* those(index.rows('organisation'), ({ id }) => tree === undefined || tree.has(id)),
    role: yield* those(index.rows('role'), (row) => !builtIn.has(row.id) && belongs(row)),
    user: [],
    service: yield* those(index.rows('service'), (row) => row.id !== LOCAL_OPERATOR_PRINCIPAL_ID && belongs(row)),
    userGroup: yield* those(index.rows('userGroup'), belongs),
    site,
    edge: yield* those(index.rows('edge'), (row) => belongs(row) || (row.siteId !== null && sites.has(row.siteId))),
    edgeGroup: yield* those(index.rows('edgeGroup'), belongs),
  }
  const people = tree === undefined ? undefined : yield* peopleOf(index, rows)
  rows.user = yield* those(index.rows('user'), ({ id }) => people === undefined || people.has(id))
  return rows
}

/** Every service has these. */
const builtIn = new Set(builtInRoles.map(({ id }) => id))

/** Who has to do with these rows: by a grant, as a member, as an owner of a group. */
function* peopleOf(index: AccessIndex, rows: FleetRows): Steps<Set<number>> {
  const people = new Set<number>()
  const groups = new Set(rows.userGroup.map(({ id }) => id))
  const nodes = [rows.organisation, rows.site, rows.edge, rows.edgeGroup]
  for (const kind of nodes) {
    for (const [at, { id }] of kind.entries()) {
      for (const principalId of index.holdersOn(id)) people.add(principalId)
      if (at % STEP === STEP - 1) yield
    }
  }
  for (const { ownerId } of [...rows.userGroup, ...rows.edgeGroup]) if (ownerId !== null) people.add(ownerId)
  const members = yield* those(index.rows('membership'), ({ groupId }) => groups.has(groupId))
  for (const { memberId } of members) people.add(memberId)
  return people
}

function treeOf(index: AccessIndex, rootId: number): Set<number> {
  const tree = new Set([rootId])
  let size = 0
  while (size !== tree.size) {
    size = tree.size
    for (const { id, parentId } of index.rows('organisation')) if (parentId !== null && tree.has(parentId)) tree.add(id)
  }
  return tree
}

function* those<T>(rows: Iterable<T>, belongs: (row: T) => boolean): Steps<T[]> {
  const found: T[] = []
  let seen = 0
  for (const row of rows) {
    if (belongs(row)) found.push(row)
    if (++seen % STEP === 0) yield
  }
  return found
}
