import { PLATFORM_RESOURCE_ID, type UserGroupRow } from '../access/model.ts'
import { controlsUserGroup } from '../access/people-door.ts'
import { hasRight, refusal, requireName, requireText, rightsHolder } from '../access/write-door.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'

/** What people read of a group, of users or of edges. */
export interface GroupText {
  name?: string | undefined
  description?: string | undefined
  /** What it stands for: a type of installation, a project, people who compare (E-09). */
  purpose?: string | undefined
}

/** The group if whoever asks decides about it, else 1005. */
export function requireUserGroup(w: Write, actor: Actor, groupId: number): UserGroupRow {
  const group = w.index.row('userGroup', groupId)
  const look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  if (group === undefined || !controlsUserGroup(look, group))
    throw refusal(w, actor, 'userGroup', group === undefined && `user group ${groupId}`)
  return group
}

/** Bringing people in who have no account yet is for those who handle the members of the organisation, or all accounts. */
export function requireBringer(w: Write, actor: Actor, { organisationId }: UserGroupRow): void {
  if (hasRight(w, actor, 'manageUser', PLATFORM_RESOURCE_ID)) return
  if (organisationId !== null && hasRight(w, actor, 'manageMembers', organisationId)) return
  throw problem(
    'New people are brought in by those who handle the members of the organisation that the group belongs to',
  )
}

/** The text of a group, checked. */
export function checkedText({ name, description = '', purpose = '' }: GroupText & { name: string }) {
  return {
    name: requireName(name),
    description: requireText(description, 'The description', 2000),
    purpose: requireText(purpose, 'The purpose'),
  }
}

/** The text of a group with a change laid over it. */
export function withDefaults(change: GroupText, before: Required<GroupText> & { name: string }) {
  const { name = before.name, description = before.description, purpose = before.purpose } = change
  return { name, description, purpose }
}

/** People own groups; a service cannot. */
export function ownerOf(w: Write, actor: Actor): number | null {
  const id = rightsHolder(actor)
  return id !== null && w.index.user(id) !== undefined ? id : null
}
