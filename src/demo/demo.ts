import { insertGrant } from '../access/grant-service.ts'
import { type OpenemsRole, PLATFORM_RESOURCE_ID, type UserRow } from '../access/model.ts'
import { insertUser } from '../accounts/user-queries.ts'
import type { AppContext } from '../context.ts'
import { createEdge } from '../edges/edge-service.ts'
import { createOrganisation } from '../organisations/organisation-service.ts'
import { type Condition, type Fleet, startFleet } from '../simulator/fleet.ts'
import { createSite } from '../sites/site-service.ts'

/** Ten houses of one energy company; their API key and setup password are their id. */
const houses = [
  { comment: 'Bakery Sommer', producttype: 'Commercial 30', condition: 'ok' },
  { comment: 'Family Berger', producttype: 'Home 10', condition: 'ok' },
  { comment: 'Family Okafor', producttype: 'Home 10', condition: 'info' },
  { comment: 'Sports hall', producttype: 'Commercial 50', condition: 'warning' },
  { comment: 'Workshop Lind', producttype: 'Commercial 30', condition: 'fault' },
  { comment: 'Family Marino', producttype: 'Home 20', condition: 'offline' },
  { comment: 'Kindergarten', producttype: 'Commercial 30', condition: 'ok' },
  { comment: 'Family Novak', producttype: 'Home 20', condition: 'ok' },
  { comment: 'Farm Halvorsen', producttype: 'Commercial 50', condition: 'ok' },
  { comment: 'Town library', producttype: 'Commercial 30', condition: 'ok' },
] as const satisfies readonly { comment: string; producttype: string; condition: Condition }[]

/** Who may log in, password = login; on which edges, with which OpenEMS role. */
const people = [
  { login: 'installer', name: 'Ines Installer', role: 'installer', edges: houses.map((_, index) => index) },
  { login: 'owner', name: 'Olaf Owner', role: 'owner', edges: [0, 1, 2, 4, 5] },
  { login: 'guest', name: 'Gina Guest', role: 'guest', edges: [0, 3] },
] as const satisfies readonly { login: string; name: string; role: OpenemsRole; edges: readonly number[] }[]

/** Fills an empty database with the demo; a second start finds it and changes nothing. */
export async function seedDemo(ctx: AppContext): Promise<void> {
  if (ctx.store.index.edgeByName('edge0') !== undefined) return
  const nobody = { actorId: null }
  const manager = await seedAccount(ctx, { login: 'manager', name: 'Mara Manager', role: 'owner' })
  const company = await createOrganisation(ctx, nobody, 'Sunny Street Energy', manager.id)
  for (const [index, house] of houses.entries()) {
    const site = await createSite(ctx, nobody, {
      organisationId: company.id,
      name: house.comment,
      location: `Sunny Street ${index + 1}`,
    })
    const edgeId = `edge${index}`
    await createEdge(ctx, nobody, { edgeId, ...house, siteId: site.id, apiKey: edgeId, setupPassword: edgeId })
  }
  for (const person of people) await seedPerson(ctx, person)
}

/** An account whose password is its login. */
async function seedAccount(
  ctx: AppContext,
  person: { login: string; name: string; role: OpenemsRole },
): Promise<UserRow> {
  const passwordHash = await ctx.passwords.hash(person.login)
  return ctx.write({ actorId: null }, async (write) => {
    const user = await insertUser(
      write.tx,
      {
        login: person.login,
        email: null,
        name: person.name,
        language: 'EN',
        globalRole: person.role,
        shareable: false,
        passwordHash,
      },
      write.now,
    )
    write.inserted('user.created', 'user', user)
    return user
  })
}

async function seedPerson(ctx: AppContext, person: (typeof people)[number]): Promise<void> {
  const user = await seedAccount(ctx, person)
  await ctx.write({ actorId: null }, async (write) => {
    for (const index of person.edges) {
      const resourceId = write.index.edgeByName(`edge${index}`)?.id ?? PLATFORM_RESOURCE_ID
      if (resourceId === PLATFORM_RESOURCE_ID) throw new Error(`The demo edge ${index} is missing`)
      await insertGrant(
        write,
        { principalId: user.id, resourceId, role: person.role, source: 'manual', grantedBy: null },
        'grant.created',
      )
    }
  })
}

/** Lets the ten edges connect through the real port. */
export function startDemoFleet(edgePort: number): Fleet {
  return startFleet({
    url: `ws://127.0.0.1:${edgePort}`,
    edges: houses.length,
    apiKey: (index) => `edge${index}`,
    condition: (index) => houses[index]?.condition ?? 'ok',
    reconnect: { minMs: 1000, maxMs: 3000 },
  })
}
