import { describe, expect, it } from 'vitest'
import { openForeign } from '../../src/db/foreign.ts'
import type { FleetItem } from '../../src/import/fleet-text.ts'
import { fleetText } from '../../src/import/fleet-text.ts'
import type { ImportItem, ImportLimits } from '../../src/import/model.ts'
import { type OdooItem, readOdoo } from '../../src/import/read-odoo.ts'
import { readImport } from '../../src/import/readers.ts'
import { emptyDatabase, execute } from '../harness/database.ts'
import { odooPeople as people, odooTables as tables } from '../harness/odoo.ts'

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
      address: { street: 'Weg 1', zip: '80331', city: 'München', country: 'DE', companyName: 'Sunny GmbH' },
      language: 'DE',
      globalRole: 'admin',
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
