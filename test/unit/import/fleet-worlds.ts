import fc from 'fast-check'
import { type EntityName, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID, type Snapshot } from '../../../src/access/model.ts'
import { History, someWorld } from '../access/worlds.ts'
import { emptyWorld, type World } from './fleet-restore.ts'

const text = fc.oneof(
  fc.constant(''),
  fc.string({ maxLength: 20, unit: 'grapheme' }),
  fc.constantFrom('yes', '- a: 1', '#1'),
)
const day = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })

/** A random service as a database could hold it: whatever refers to something refers to what is there. */
export const someFleet: fc.Arbitrary<World> = fc
  .tuple(
    someWorld,
    fc.infiniteStream(text),
    fc.infiniteStream(fc.nat({ max: 100 })),
    fc.infiniteStream(day),
    fc.jsonValue({ maxDepth: 2 }),
  )
  .map(([steps, texts, numbers, days, json]) => {
    const world = { ...emptyWorld(), snapshot: sound(new History(steps).snapshot) }
    const next = <T>(stream: fc.Stream<T>): T => stream.next().value as T
    const { user, edge, organisation, site, edgeGroup, userGroup, service } = world.snapshot
    for (const row of user) {
      const [firstname, lastname, phone] = [next(texts), next(texts), next(texts)]
      const [street, zip, city, country, companyName] = [
        next(texts),
        next(texts),
        next(texts),
        next(texts),
        next(texts),
      ]
      world.people.set(row.id, { firstname, lastname, phone, street, zip, city, country, companyName })
      row.settings = next(numbers) > 50 ? { z: json, a: next(texts) } : {}
      row.email = next(numbers) > 50 ? `${row.login}@example.org` : null
    }
    for (const { id } of edge) {
      const firstSetupAt = next(numbers) > 50 ? next(days) : null
      world.edges.set(id, { emsType: next(texts), serialNumber: next(texts), firstSetupAt })
    }
    for (const { id } of user) {
      const delays = edge.filter(() => next(numbers) > 70)
      world.delays.set(
        id,
        delays.map((row) => ({
          edgeId: row.id,
          offlineDelayMinutes: next(numbers),
          faultDelayMinutes: next(numbers),
          warningDelayMinutes: next(numbers),
        })),
      )
    }
    for (const row of [...organisation, ...site, ...edgeGroup, ...userGroup, ...service]) {
      if (next(numbers) > 60) row.name = next(texts)
    }
    for (const row of [...edgeGroup, ...userGroup]) row.description = next(texts)
    for (const { id } of site) if (next(numbers) > 50) world.keys.site.set(id, `S-${next(numbers) % 3}`)
    return world
  })

/** Without the rows that a foreign key would have refused. */
function sound(snapshot: Snapshot): Snapshot {
  let before = -1
  while (size(snapshot) !== before) {
    before = size(snapshot)
    const has = (entity: EntityName, id: number | null) =>
      id === null || (snapshot[entity] as { id: number }[]).some((row) => row.id === id)
    const principal = (id: number) =>
      id === PUBLIC_PRINCIPAL_ID || has('user', id) || has('userGroup', id) || has('service', id)
    const resource = (id: number) =>
      id === PLATFORM_RESOURCE_ID ||
      has('organisation', id) ||
      has('site', id) ||
      has('edge', id) ||
      has('edgeGroup', id)
    const placed = (row: { organisationId: number | null }) => has('organisation', row.organisationId)
    const owned = (row: { organisationId: number | null; ownerId: number | null }) =>
      placed(row) && has('user', row.ownerId)
    snapshot.organisation = snapshot.organisation.filter((row) => has('organisation', row.parentId))
    snapshot.role = snapshot.role.filter(placed)
    snapshot.site = snapshot.site.filter(placed)
    snapshot.edge = snapshot.edge.filter((row) => placed(row) && has('site', row.siteId))
    snapshot.edgeGroup = snapshot.edgeGroup.filter(owned)
    snapshot.userGroup = snapshot.userGroup.filter(owned)
    snapshot.membership = snapshot.membership.filter((row) => has('userGroup', row.groupId) && principal(row.memberId))
    snapshot.containment = snapshot.containment.filter((row) => resource(row.parentId) && resource(row.childId))
    snapshot.grant = snapshot.grant.filter(
      (row) => principal(row.principalId) && resource(row.resourceId) && has('role', row.roleId),
    )
    snapshot.restriction = snapshot.restriction.filter((row) => has('user', row.userId) && has('edge', row.edgeId))
    snapshot.claim = snapshot.claim.filter((row) => has('user', row.userId))
  }
  return snapshot
}

function size(snapshot: Snapshot): number {
  return Object.values(snapshot).reduce<number>((sum, rows) => sum + (Array.isArray(rows) ? rows.length : 0), 0)
}
