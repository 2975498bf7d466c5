import { describe, expect, it } from 'vitest'
import { openForeign } from '../../src/db/foreign.ts'
import type { FleetItem } from '../../src/import/fleet-text.ts'
import { fleetText } from '../../src/import/fleet-text.ts'
import type { ImportItem, ImportLimits } from '../../src/import/model.ts'
import { type OdooItem, readOdoo } from '../../src/import/read-odoo.ts'
import { readImport } from '../../src/import/readers.ts'
import { emptyDatabase, execute } from '../harness/database.ts'

/** The tables of Odoo 16 with the addon, as far as they are read; ids and groups as Odoo makes them. */
const tables = `
  create table res_country (id serial primary key, code varchar);
  create table res_partner (id serial primary key, name varchar, firstname varchar, lastname varchar, email varchar,
    phone varchar, street varchar, zip varchar, city varchar, country_id int, commercial_company_name varchar);
  create table res_users (id serial primary key, login varchar not null, active boolean, partner_id int,
    global_role varchar, openems_language varchar, password varchar);
  create table res_groups_users_rel (gid int, uid int);
  create table ir_model_data (id serial primary key, module varchar, name varchar, model varchar, res_id int);
  create table stock_lot (id serial primary key, name varchar);
  create table openems_device (id serial primary key, name varchar, active boolean default true, comment varchar,
    producttype varchar, apikey varchar, setup_password varchar, stock_production_lot_id int, manual_setup_date timestamp);
  create table openems_setup_protocol (id serial primary key, device_id int, create_date timestamp);
  create table openems_device_user_role (id serial primary key, device_id int, user_id int, role varchar);
  create table openems_alerting (id serial primary key, device_id int, user_id int, offline_delay int, warning_delay int,
    fault_delay int)`

const people = `
  insert into ir_model_data (module, name, model, res_id) values
    ('openems', 'group_openems_reader', 'res.groups', 70), ('openems', 'group_openems_manager', 'res.groups', 71);
  insert into res_country (code) values ('DE');
  insert into res_partner (name, firstname, lastname, email, phone, street, zip, city, country_id, commercial_company_name) values
    ('root', null, null, null, null, null, null, null, null, null),
    ('Mona Manager', 'Mona', 'Manager', 'mona@example.org', '+49 1', 'Weg 1', '80331', 'München', 1, 'Sunny GmbH'),
    ('Max Mild', null, null, 'max@example.org', null, null, null, null, null, null),
    ('Rita Reader', null, null, null, null, null, null, null, null, null),
    ('Otto Owner', null, null, 'otto@example.org', null, null, null, null, null, null),
    ('Paula Payroll', null, null, 'paula@example.org', null, null, null, null, null, null),
    ('Alma Alert', null, null, 'alma@example.org', null, null, null, null, null, null);
  insert into res_users (login, active, partner_id, global_role, openems_language, password) values
    ('__system__', false, 1, 'admin', 'EN', 'x'), ('Mona@Example.org', true, 2, 'guest', 'DE', 'hash-of-mona'),
    ('max', true, 3, 'guest', 'EN', 'x'), ('rita', true, 4, 'installer', 'HU', 'x'), ('otto', false, 5, 'owner', 'DE', 'x'),
    ('paula', true, 6, 'guest', 'DE', 'x'), ('alma', true, 7, 'guest', 'DE', 'x');
  insert into res_groups_users_rel (gid, uid) values (70, 1), (71, 1), (70, 2), (71, 2), (70, 3), (71, 3), (70, 4);
  insert into stock_lot (name) values ('SN-7');
  insert into openems_device (name, active, comment, producttype, apikey, setup_password, stock_production_lot_id, manual_setup_date) values
    ('edge0', true, 'House', 'openems-edge', 'key0', 'AAAA-BBBB-CCCC-DDDD', 1, null), ('edge1', false, null, null, 'key1', null, null, '2024-05-01 10:00:00'),
    ('edge2', true, 'Mill', null, 'key2', null, null, null), ('edge3', true, 'no key', null, '', null, null, null);
  insert into openems_setup_protocol (device_id, create_date) values (1, '2024-03-02 11:12:13'), (1, '2024-03-01 11:12:13');
  insert into openems_device_user_role (device_id, user_id, role) values
    (1, 3, 'owner'), (2, 4, 'installer'), (3, 5, 'owner'), (4, 5, 'owner');
  insert into openems_alerting (device_id, user_id, offline_delay, warning_delay, fault_delay) values
    (3, 5, 60, 0, 1440), (1, 7, 1440, 1440, 1440)`

const options = { name: 'odoo', organisation: { key: 'odoo', name: 'From Odoo' } }
const limits: ImportLimits = {
  maxFileBytes: 1 << 20,
  maxUnpackedBytes: 1 << 20,
  maxUnpackedRatio: 100,
  maxRows: 1000,
  maxColumns: 100,
  maxCellBytes: 1 << 20,
  maxProblems: 100,
}

async function itemsOf(...statements: string[]): Promise<OdooItem[]> {
  await using clone = await emptyDatabase()
  for (const statement of statements) await execute(clone.url, statement)
  await using odoo = await openForeign(clone.url)
  const items: OdooItem[] = []
  for await (const item of readOdoo(odoo, options)) items.push(item)
  return items
}

const entriesOf = (items: OdooItem[], section: string) =>
  items.flatMap((item) => (item.section === section && 'entry' in item ? [item.entry] : []))
const remarksOf = (items: OdooItem[]) => items.flatMap((item) => (item.section === 'remark' ? [item.text] : []))

describe('the database of an Odoo', () => {
  it('gives devices with their keys, and only the people who have to do with OpenEMS, without their passwords', async () => {
    const items = await itemsOf(tables, people)
    expect(entriesOf(items, 'edges')).toEqual([
      {
        id: 'edge0',
        comment: 'House',
        producttype: 'openems-edge',
        serialNumber: 'SN-7',
        organisation: 'odoo',
        firstSetupAt: '2024-03-01T11:12:13Z',
        setupPassword: 'AAAA-BBBB-CCCC-DDDD',
        apiKey: 'key0',
      },
      { id: 'edge1', organisation: 'odoo', firstSetupAt: '2024-05-01T10:00:00Z', apiKey: 'key1' },
      { id: 'edge2', comment: 'Mill', organisation: 'odoo', apiKey: 'key2' },
    ])
    const users = entriesOf(items, 'users')
    expect(users.map((user) => (user as { login: string }).login)).toEqual([
      'alma',
      'max',
      'mona@example.org',
      'otto',
      'rita',
    ])
    expect(users[2]).toEqual({
      login: 'mona@example.org',
      email: 'mona@example.org',
      name: 'Mona Manager',
      firstname: 'Mona',
      lastname: 'Manager',
      phone: '+49 1',
      address: { street: 'Weg 1', zip: '80331', city: 'München', country: 'de', companyName: 'Sunny GmbH' },
      language: 'DE',
      globalRole: 'admin',
      needsInvitation: true,
    })
    expect(users[3]).toMatchObject({
      disabled: true,
      alerting: [{ edge: 'edge2', offlineDelayMinutes: 60, warningDelayMinutes: 0, faultDelayMinutes: 1440 }],
    })
    expect(JSON.stringify(items)).not.toContain('hash-of-mona')
    expect(remarksOf(items)).toEqual([
      expect.stringContaining('alma is alerted about edges without a role on them, and does not see them here: edge0'),
      expect.stringContaining('rita has no e-mail address'),
      expect.stringContaining('rita: there is no language HU'),
      expect.stringContaining('edge1 is archived'),
      expect.stringContaining('without an API key is left out: edge3'),
      expect.stringContaining('max manages all edges and has a weaker role of his own on edge0'),
    ])
  })

  it('keeps a row that lowers what the group gives: the grant of the group leaves that edge out (K11)', async () => {
    const items = await itemsOf(tables, people)
    const group = { edgeGroup: 'odoo-all-but-of-max' }
    expect(entriesOf(items, 'containments')).toEqual([
      { parent: group, child: { edge: 'edge1' } },
      { parent: group, child: { edge: 'edge2' } },
    ])
    const organisation = { organisation: 'odoo' }
    const source = 'import:odoo'
    expect(entriesOf(items, 'grants')).toEqual([
      { to: { user: 'max' }, on: group, role: 'openems.admin', source },
      { to: { user: 'max' }, on: { edge: 'edge0' }, role: 'openems.owner', source },
      { to: { user: 'mona@example.org' }, on: organisation, role: 'openems.admin', source },
      { to: { user: 'mona@example.org' }, on: organisation, role: 'org.owner', source },
      { to: { user: 'otto' }, on: { edge: 'edge2' }, role: 'openems.owner', source },
      { to: { user: 'rita' }, on: organisation, role: 'openems.guest', source },
      { to: { user: 'rita' }, on: { edge: 'edge1' }, role: 'openems.installer', source },
    ])
    expect(entriesOf(items, 'organisations')).toEqual([{ key: 'odoo', name: 'From Odoo', maxOpenemsRole: 'admin' }])
  })

  it('becomes a fleet file that an import reads', async () => {
    const items = await itemsOf(tables, people)
    const fleet = items.filter((item): item is Extract<OdooItem, { entry: object }> => item.section !== 'remark')
    let text = ''
    for await (const piece of fleetText(ReadableStream.from<FleetItem>(fleet), 'json')) text += piece
    const input = { name: 'odoo.json', open: () => ReadableStream.from([Buffer.from(text)]) }
    const read: ImportItem[] = []
    for await (const item of readImport(input, {}, limits)) read.push(item)
    expect(read.filter(({ kind }) => kind === 'problem')).toEqual([])
    expect(read).toHaveLength(fleet.length)
  })

  it('may lack what not every release has, and must be one', async () => {
    const old = `
      drop table openems_setup_protocol; drop table openems_alerting; drop table stock_lot;
      alter table res_partner drop column firstname, drop column lastname, drop column commercial_company_name;
      alter table openems_device drop column active, drop column manual_setup_date, drop column stock_production_lot_id`
    const items = await itemsOf(tables, people, old)
    expect(entriesOf(items, 'edges')).toHaveLength(3)
    await expect(itemsOf('create table edge (id int)')).rejects.toThrow('not the database of an Odoo')
  })

  it('is never written to', async () => {
    await using clone = await emptyDatabase()
    await using odoo = await openForeign(clone.url)
    await expect(odoo.rows('select lo_create(0)').next()).rejects.toThrow('read-only')
  })
})
