import { z } from 'zod'
import { createGroupMember as create, setGroupMemberPassword as setPassword } from '../groups/managed-member-service.ts'
import { defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, id, login, name } from './rights-shapes.ts'
import { empty } from './shapes.ts'

const password = z.string().max(1000)

const createGroupMember = defineMethod({
  name: 'createGroupMember',
  summary: 'Creates an account inside a user group of an organisation; the group looks after it.',
  clients,
  params: z.strictObject({
    groupId: id,
    login,
    name: name.optional(),
    email: z.string().max(254).optional(),
    language: z.string().max(20).optional(),
    password: password.optional(),
  }),
  result: z.object({ login: z.string() }),
  access: 'signedIn',
  handler: async (call, { groupId, ...account }) =>
    create(call.ctx, actorOf(call), groupId, { ...account, name: account.name ?? account.login }),
})

const setGroupMemberPassword = defineMethod({
  name: 'setGroupMemberPassword',
  summary: 'Sets the password of an account that the group looks after wholly, and of no other.',
  clients,
  params: z.strictObject({ groupId: id, login, password }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await setPassword(call.ctx, actorOf(call), params)
    return {}
  },
})

export const managedMemberMethods = [createGroupMember, setGroupMemberPassword]
