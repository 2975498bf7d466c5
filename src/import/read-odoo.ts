import { type OpenemsRole, openemsRoles } from '../access/model.ts'
import { languages } from '../accounts/account-rules.ts'
import type { ForeignDatabase, ForeignRow } from '../db/foreign.ts'
import type { FleetEntry, FleetSection } from './fleet-format.ts'
import { devicesQuery, otherDevicesQuery, peopleQuery, readColumns } from './odoo-queries.ts'

/** What becomes of an Odoo: entries of a fleet file, in its order, and what has to be said about them. */
export type OdooItem =
  | { [S in FleetSection]: { section: S; entry: FleetEntry<S> } }[FleetSection]
  | { section: 'remark'; text: string }

export interface OdooOptions {
  /** What the database is called in refusals; never its URL, which has a password in it. */
  name: string
  /** Key and name of the organisation that everything will belong to. */
  organisation: { key: string; name: string }
}

interface OdooPerson {
  login: string
  isManager: boolean
  isReader: boolean
  roles: { edge: string; role: OpenemsRole }[]
  /** Edges on which the own row is weaker than what the group gives (K11). */
  exceptions: string[]
}

/**
 * Reads devices, users, roles and alert settings of an Odoo with the OpenEMS addon. Passwords stay there: users are invited;
 * API keys and setup passwords come along in clear, for the devices keep theirs. There a user's own row replaces what his
 * group gives him, even downwards, here grants add: so where a row is weaker, the group's grant leaves that edge out, and a
 * remark says so (K11). Throws Unreadable for a database of something else.
 */
export async function* readOdoo(odoo: ForeignDatabase, options: OdooOptions): AsyncGenerator<OdooItem> {
  const columns = await readColumns(odoo, options.name)
  const rows: ForeignRow[] = []
  for await (const row of odoo.rows(peopleQuery(columns))) rows.push(row)
  const people = rows.map(personOf)
  yield* organisationOf(people, options)
  for (const row of rows) yield* userOf(row)
  for await (const row of odoo.rows(devicesQuery(columns))) yield* edgeOf(row, options)
  const excepted = people.filter(({ exceptions }) => exceptions.length > 0)
  for (const { login } of excepted) {
    const entry = {
      key: groupOf(login),
      name: `All but a few edges of ${login}`,
      organisation: options.organisation.key,
    }
    yield { section: 'edgeGroups', entry }
  }
  for (const { login, exceptions } of excepted) {
    for await (const { name } of odoo.rows(otherDevicesQuery, [exceptions])) {
      yield { section: 'containments', entry: { parent: { edgeGroup: groupOf(login) }, child: { edge: String(name) } } }
    }
  }
  for (const person of people) yield* grantsOf(person, options)
}

/** Managers are its owners, unless an owner would have more than they had. */
function* organisationOf(people: readonly OdooPerson[], { organisation }: OdooOptions): Generator<OdooItem> {
  const managers = people.filter(({ isManager }) => isManager)
  yield {
    section: 'organisations',
    entry: { ...organisation, ...(managers.length > 0 ? { maxOpenemsRole: 'admin' } : {}) },
  }
  if (managers.some(({ exceptions }) => exceptions.length === 0)) return
  yield remark(`The organisation ${organisation.name} has no owner: nobody in Odoo manages all edges. Give it one.`)
}

function* userOf(row: ForeignRow): Generator<OdooItem> {
  const login = textOf(row['login'])
  const language = languages.find((one) => one === row['language'])
  const role = openemsRoles.find((one) => one === row['global_role'])
  const email = textOf(row['email']) || (login.includes('@') ? login : '')
  const address = filled({
    street: textOf(row['street']),
    zip: textOf(row['zip']),
    city: textOf(row['city']),
    country: textOf(row['country']),
    companyName: textOf(row['company_name']),
  })
  const alerting = (row['alerting'] ?? []) as NonNullable<FleetEntry<'users'>['alerting']>
  const entry: FleetEntry<'users'> = {
    login,
    ...filled({
      email,
      name: textOf(row['name']) || login,
      firstname: textOf(row['firstname']),
      lastname: textOf(row['lastname']),
      phone: textOf(row['phone']),
    }),
    ...(Object.keys(address).length === 0 ? {} : { address }),
    ...(language === undefined ? {} : { language }),
    ...(row['active'] === false ? { disabled: true } : {}),
    ...(role === undefined ? {} : { globalRole: row['is_manager'] === true ? 'admin' : role }),
    ...(alerting.length === 0 ? {} : { alerting }),
  }
  yield { section: 'users', entry }
  if (email === '') yield remark(`${login} has no e-mail address and cannot be invited: set a password`)
  if (row['language'] && language === undefined) {
    yield remark(`${login}: there is no language ${String(row['language'])} here; the user gets the usual one`)
  }
  const { roles, isReader, isManager } = personOf(row)
  const own = new Set(roles.map(({ edge }) => edge))
  const unseen = isReader || isManager ? [] : alerting.filter(({ edge }) => !own.has(edge)).map(({ edge }) => edge)
  if (unseen.length > 0) {
    yield remark(
      `${login} is alerted about edges without a role on them, and does not see them here: ${listed(unseen)}`,
    )
  }
}

function* edgeOf(row: ForeignRow, { organisation }: OdooOptions): Generator<OdooItem> {
  const [id, apiKey] = [textOf(row['name']), textOf(row['apikey'])]
  if (id === '' || apiKey === '') {
    return yield remark(
      `A device without ${id === '' ? 'a name' : `an API key is left out: ${id}`}, as the backend leaves it out`,
    )
  }
  const entry: FleetEntry<'edges'> = {
    id,
    ...filled({
      comment: textOf(row['comment']),
      producttype: textOf(row['producttype']),
      serialNumber: textOf(row['serial_number']),
      emsType: textOf(row['ems_type']),
    }),
    organisation: organisation.key,
    ...filled({ firstSetupAt: textOf(row['first_setup_at']), setupPassword: textOf(row['setup_password']) }),
    apiKey,
  }
  yield { section: 'edges', entry }
  if (row['is_archived'] === true)
    yield remark(`${id} is archived in Odoo and comes along, because its device may still connect`)
}

function* grantsOf(person: OdooPerson, { organisation }: OdooOptions): Generator<OdooItem> {
  const { login, isManager, isReader, roles, exceptions } = person
  const to = { user: login }
  const all = exceptions.length > 0 ? { edgeGroup: groupOf(login) } : { organisation: organisation.key }
  if (isManager) yield { section: 'grants', entry: { to, on: all, role: 'openems.admin', source: SOURCE } }
  else if (isReader) yield { section: 'grants', entry: { to, on: all, role: 'openems.guest', source: SOURCE } }
  if (isManager && exceptions.length === 0) {
    yield { section: 'grants', entry: { to, on: all, role: 'org.owner', source: SOURCE } }
  }
  for (const { edge, role } of roles) {
    yield { section: 'grants', entry: { to, on: { edge }, role: `openems.${role}`, source: SOURCE } }
  }
  if (exceptions.length > 0) {
    yield remark(
      `${login} manages all edges and has a weaker role of his own on ${listed(exceptions)}. The weaker role is kept: what he manages is the edge group ${groupOf(login)}, to which edges that come later have to be added (K11).`,
    )
  }
}

const SOURCE = 'import:odoo'

function personOf(row: ForeignRow): OdooPerson {
  const roles = ((row['roles'] ?? []) as { edge: string | null; role: OpenemsRole }[]).flatMap(({ edge, role }) =>
    edge ? [{ edge, role }] : [],
  )
  const isManager = row['is_manager'] === true
  const exceptions = isManager ? roles.filter(({ role }) => role !== 'admin').map(({ edge }) => edge) : []
  return { login: textOf(row['login']), isManager, isReader: row['is_reader'] === true, roles, exceptions }
}

function groupOf(login: string): string {
  return `odoo-all-but-of-${login}`
}

function remark(text: string): OdooItem {
  return { section: 'remark', text }
}

function listed(names: readonly string[]): string {
  const rest = names.length > 10 ? ` and ${names.length - 10} more` : ''
  return names.slice(0, 10).join(', ') + rest
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : ''
}

/** Without the texts that are empty. */
function filled<T extends Record<string, string>>(texts: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== '')) as { [K in keyof T]?: string }
}
