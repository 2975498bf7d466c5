import type { ForeignDatabase } from '../db/foreign.ts'
import { Unreadable } from './unreadable.ts'

/** Queries on the database of Odoo with the addon odoo-openems (16.0 and its forks); read-only. */

/** Which of the columns that not every release has are there: `table.column`. */
export type OdooColumns = ReadonlySet<string>

/** Throws Unreadable for a database that is not Odoo's with the addon. */
export async function readColumns(odoo: ForeignDatabase, name: string): Promise<OdooColumns> {
  const columns = new Set<string>()
  const query = `select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = any (current_schemas(false))`
  for await (const row of odoo.rows(query)) columns.add(String(row['name']))
  const needed = ['openems_device.apikey', 'openems_device_user_role.role', 'res_users.login', 'res_partner.email']
  const missing = needed.filter((column) => !columns.has(column))
  if (missing.length > 0) {
    const text = `This is not the database of an Odoo with the OpenEMS addon: there is no ${missing.join(', ')}`
    throw new Unreadable({ file: name }, 'format', text)
  }
  return columns
}

/** The backend leaves out what has no name or no key. */
const isDevice = `coalesce(d.name, '') <> '' and coalesce(d.apikey, '') <> ''`

const inGroup = (name: string) => `exists (
  select from res_groups_users_rel as member
    join ir_model_data as named on named.res_id = member.gid and named.model = 'res.groups'
  where member.uid = u.id and named.module = 'openems' and named.name = '${name}')`

/** Who has to do with OpenEMS: by a role, alert settings or a group. Everybody else of the company stays in Odoo. */
export function peopleQuery(columns: OdooColumns): string {
  const of = (column: string, found = `p.${column.split('.')[1]}`) => (columns.has(column) ? found : 'null')
  const alerting = columns.has('openems_alerting.offline_delay')
    ? `(select json_agg(json_build_object('edge', d.name, 'offlineDelayMinutes', coalesce(a.offline_delay, 0),
          'faultDelayMinutes', coalesce(a.fault_delay, 0), 'warningDelayMinutes', coalesce(a.warning_delay, 0))
          order by d.name)
        from openems_alerting a join openems_device d on d.id = a.device_id where a.user_id = u.id and ${isDevice})`
    : 'null'
  return `select * from (
    select lower(trim(u.login)) as login, u.active, ${of('res_users.global_role', 'u.global_role')} as global_role,
      ${of('res_users.openems_language', 'u.openems_language')} as language, p.email, p.name,
      ${of('res_partner.firstname')} as firstname, ${of('res_partner.lastname')} as lastname, p.phone,
      p.street, p.zip, p.city, c.code as country,
      ${of('res_partner.commercial_company_name')} as company_name, ${alerting} as alerting,
      ${inGroup('group_openems_manager')} as is_manager, ${inGroup('group_openems_reader')} as is_reader,
      (select json_agg(json_build_object('edge', d.name, 'role', r.role) order by d.name)
        from openems_device_user_role r join openems_device d on d.id = r.device_id where r.user_id = u.id and ${isDevice}) as roles
    from res_users u join res_partner p on p.id = u.partner_id left join res_country c on c.id = p.country_id
    where u.id <> 1) as people
  where is_manager or is_reader or alerting is not null or roles is not null
  order by login collate "C"`
}

/** Every device, archived ones too: the backend lets them connect as well. */
export function devicesQuery(columns: OdooColumns): string {
  const lots = columns.has('stock_lot.name')
    ? 'stock_lot'
    : columns.has('stock_production_lot.name')
      ? 'stock_production_lot'
      : null
  const hasSerial = lots !== null && columns.has('openems_device.stock_production_lot_id')
  const setups = [
    ...(columns.has('openems_device.manual_setup_date') ? ['d.manual_setup_date'] : []),
    ...(columns.has('openems_setup_protocol.device_id')
      ? ['(select min(s.create_date) from openems_setup_protocol s where s.device_id = d.id)']
      : []),
    'null::timestamp',
  ]
  return `select d.name, d.comment, d.producttype, d.apikey, d.setup_password,
      ${columns.has('openems_device.active') ? 'd.active is false' : 'false'} as is_archived,
      ${hasSerial ? 'l.name' : 'null'} as serial_number,
      ${columns.has('openems_device.ems_type') ? 'd.ems_type' : 'null'} as ems_type,
      to_char(coalesce(${setups.join(', ')}), 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as first_setup_at
    from openems_device d ${hasSerial ? `left join ${lots} l on l.id = d.stock_production_lot_id` : ''}
    order by d.name collate "C"`
}

/** Names of the devices except those given. */
export const otherDevicesQuery = `select d.name from openems_device d
  where ${isDevice} and d.name <> all ($1::text[]) order by d.name collate "C"`
