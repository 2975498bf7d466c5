import { expect, it } from 'vitest'
import { revisionAt } from '../../src/access/explain-queries.ts'
import { accessHistory, explainAccess } from '../../src/access/explain-service.ts'
import { Slice } from '../../src/access/explain-slice.ts'
import { decisionMask } from '../../src/access/graph-evaluate.ts'
import { permissionBits } from '../../src/access/model.ts'
import { pastOf } from '../../src/access/past-service.ts'
import { grantRole, revokeGrant } from '../../src/access/role-grant-service.ts'
import type { OpenDatabase } from '../../src/db/database.ts'
import {
  addToEdgeGroup,
  createEdgeGroup,
  deleteEdgeGroup,
  removeFromEdgeGroup,
} from '../../src/groups/edge-group-service.ts'
import { addGroupMember, removeGroupMember } from '../../src/groups/membership-service.ts'
import { createUserGroup, deleteUserGroup } from '../../src/groups/user-group-service.ts'
import { type TestClock, testClock } from '../harness/clock.ts'
import { eachEngine } from '../harness/database.ts'
import { insertEdgeWithGrant, insertUser, type Node, startNode } from './graph-fixture.ts'

const actor = { actorId: null }
const SECOND = 1000

/** The same numbers for the same seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
}

interface World {
  users: { id: number; login: string }[]
  edges: { id: number; edgeId: string }[]
  userGroups: number[]
  edgeGroups: number[]
}

async function someWorld(node: Node): Promise<World> {
  const { users, edges } = await node.write(actor, async (write) => {
    const people = [await insertUser(write, 'ada'), await insertUser(write, 'bob')]
    const keeper = await insertUser(write, 'keeper')
    for (const name of ['edge0', 'edge1', 'edge2']) await insertEdgeWithGrant(write, name, keeper.id)
    return { users: people, edges: ['edge0', 'edge1', 'edge2'] }
  })
  const userGroups = []
  const edgeGroups = []
  for (const name of ['one', 'two', 'three']) {
    userGroups.push((await createUserGroup(node, actor, { name })).id)
    edgeGroups.push((await createEdgeGroup(node, actor, { name })).id)
  }
  return {
    users,
    edges: edges.map((edgeId) => ({ edgeId, id: node.store.index.edgeByName(edgeId)?.id ?? 0 })),
    userGroups,
    edgeGroups,
  }
}

/** One random change; what is refused (a circle, a member already) changes nothing. */
async function change(node: Node, world: World, roll: (sides: number) => number, clock: TestClock): Promise<void> {
  const one = <T>(of: readonly T[]) => of[roll(of.length)] as T
  const [user, edge, userGroup, edgeGroup] = [
    one(world.users),
    one(world.edges),
    one(world.userGroups),
    one(world.edgeGroups),
  ]
  const member = roll(2) === 0 ? { login: user.login } : { userGroupId: one(world.userGroups) }
  const content = roll(2) === 0 ? { edgeId: edge.edgeId } : { edgeGroupId: one(world.edgeGroups) }
  const end = roll(4) === 0 ? new Date(clock.now().getTime() + roll(8) * 10 * SECOND + SECOND) : null
  const grants = [...node.store.index.rows('grant')].filter(({ source }) => source === 'manual')
  switch (roll(8)) {
    case 0:
    case 1:
      await addGroupMember(node, actor, { groupId: userGroup, member, validFrom: null, validTo: end })
      break
    case 2:
      await removeGroupMember(node, actor, { groupId: userGroup, member })
      break
    case 3:
    case 4: {
      const terms = { validFrom: null, validTo: end, dataWindows: null, components: null }
      const to = roll(2) === 0 ? { login: user.login } : { userGroupId: userGroup }
      const on = roll(3) === 0 ? { edgeId: edge.edgeId } : { edgeGroupId: edgeGroup }
      await grantRole(node, actor, { to, on, role: `openems.${one(['guest', 'owner', 'installer'])}`, ...terms })
      break
    }
    case 5:
      if (grants.length > 0) await revokeGrant(node, actor, one(grants).id)
      break
    case 6:
      await addToEdgeGroup(node, actor, edgeGroup, content)
      break
    default:
      if (roll(6) > 0) await removeFromEdgeGroup(node, actor, edgeGroup, content)
      else if (roll(2) === 0) {
        await deleteEdgeGroup(node, actor, edgeGroup)
        world.edgeGroups = world.edgeGroups.map((id) => (id === edgeGroup ? 0 : id)).filter((id) => id !== 0)
        world.edgeGroups.push((await createEdgeGroup(node, actor, { name: 'new' })).id)
      } else {
        await deleteUserGroup(node, actor, userGroup)
        world.userGroups = world.userGroups.filter((id) => id !== userGroup)
        world.userGroups.push((await createUserGroup(node, actor, { name: 'new' })).id)
      }
  }
}

const masks = (node: Node, { users, edges }: World, at: number) =>
  users.flatMap((user) => edges.map((edge) => node.store.index.access(user.id, edge.id, at).mask))

eachEngine('access in the past', (engine) => {
  it('is what was answered then, after any random changes (domain rules 2.9)', async () => {
    await using database: OpenDatabase = await engine.open()
    const clock = testClock()
    await using node = await startNode(database, { clock })
    const world = await someWorld(node)
    const roll = dice(20_261_122)
    const answered: { at: Date; masks: number[]; missing: unknown[] }[] = []
    const ctx = { store: node.store, db: database.db }
    const missing = async (at?: Date) => {
      const look = { index: node.store.index, askerId: null, at: clock.now().getTime() }
      const told: unknown[] = []
      for (const user of world.users) {
        for (const edge of world.edges) {
          const about = { principal: { login: user.login }, resource: { edgeId: edge.edgeId } }
          const { allowed, nearMisses } = await explainAccess(ctx, look, { ...about, permission: 'history', at })
          told.push({ allowed, nearMisses: nearMisses.map((miss) => JSON.stringify(miss)).sort() })
        }
      }
      return told
    }
    for (let step = 0; step < 45; step++) {
      clock.advance(10 * SECOND)
      for (let more = 0; more < 3; more++) {
        await change(node, world, roll, clock).catch((error: Error) => expect(error.name).toBe('AppError'))
      }
      clock.advance(SECOND)
      answered.push({ at: clock.now(), masks: masks(node, world, clock.now().getTime()), missing: await missing() })
    }
    expect(new Set(answered.map((one) => one.masks.join())).size).toBeGreaterThan(8)
    const codes = new Set(JSON.stringify(answered).match(/notMember|notContained/g))
    expect([...codes].sort()).toEqual(['notContained', 'notMember'])
    for (const [step, { at, masks: then, missing: missed }] of answered.entries()) {
      if (step % 3 === 0) expect(await missing(at), at.toISOString()).toEqual(missed)
      const told: number[] = []
      for (const user of world.users) {
        for (const edge of world.edges) {
          const slice = new Slice((await pastOf(ctx, user.id, edge.id, await revisionAt(database.db, at))).rows)
          told.push(decisionMask(slice.evaluator.decide(slice.views.get(user.id, at.getTime()), slice.inside(edge.id))))
        }
      }
      expect(told, at.toISOString()).toEqual(then)
    }
    for (const user of world.users) {
      for (const [position, edge] of world.edges.entries()) {
        const look = { index: node.store.index, askerId: null, at: clock.now().getTime() }
        const about = { principal: { login: user.login }, resource: { edgeId: edge.edgeId } }
        const { entries } = await accessHistory(ctx, look, { ...about, limit: 1000 })
        const told = await explainAccess(ctx, look, { ...about, permission: 'history', at: answered[30]?.at })
        const column = world.users.indexOf(user) * world.edges.length + position
        expect(told.allowed).toBe(((answered[30]?.masks[column] ?? 0) & permissionBits.history) !== 0)
        for (const { at, masks: then } of answered) {
          const last = entries.findLast((entry) => (entry.at ?? 0) <= at.getTime())
          expect(last !== undefined && last.kind !== 'ended', `${user.login} ${edge.edgeId} ${at.toISOString()}`).toBe(
            then[column] !== 0,
          )
        }
      }
    }
  })

  it('is told in full, however much there is about two (domain rules 2.9)', async () => {
    await using database: OpenDatabase = await engine.open()
    const clock = testClock()
    await using node = await startNode(database, { clock })
    const world = await someWorld(node)
    const [user, edge] = [world.users[0]?.login ?? '', world.edges[0]?.edgeId ?? '']
    const terms = { validFrom: null, validTo: null, dataWindows: null, components: null }
    const times = 300
    for (let time = 0; time < times; time++) {
      clock.advance(SECOND)
      const to = { to: { login: user }, on: { edgeId: edge } }
      const { id } = await grantRole(node, actor, { ...to, role: 'openems.guest', ...terms })
      clock.advance(SECOND)
      await revokeGrant(node, actor, id)
    }
    const look = { index: node.store.index, askerId: null, at: clock.now().getTime() }
    const about = { principal: { login: user }, resource: { edgeId: edge } }
    const told = await accessHistory({ store: node.store, db: database.db }, look, { ...about, limit: 10 })
    expect([told.entries.length, told.more]).toEqual([10, 2 * times - 10])
    expect(told.entries.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => ['began', 'ended']).flat())
    expect(told.entries.at(-1)?.at).toBe(clock.now().getTime())
  })
})
