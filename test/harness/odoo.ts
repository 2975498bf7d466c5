import { emptyDatabase, execute } from './database.ts'

/** The tables of Odoo 16 with the addon, as far as they are read; ids and groups as Odoo makes them. */
export const odooTables = `
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

/** A few people, devices and roles in them. */
export const odooPeople = `
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

/** The database of a small Odoo. */
export async function odooDatabase(): ReturnType<typeof emptyDatabase> {
  const clone = await emptyDatabase()
  for (const statement of [odooTables, odooPeople]) await execute(clone.url, statement)
  return clone
}
