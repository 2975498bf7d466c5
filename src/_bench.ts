import { openDatabase } from './db/database.ts'
import { migrateToLatest } from './db/migrate.ts'
import { loadSnapshot } from './db/snapshot.ts'
import { createLogger } from './log.ts'
import { sql } from 'kysely'
import pg from 'pg'
const log = createLogger({level:'warn'})
const c = new pg.Client('postgres://postgres@127.0.0.1:55415/postgres'); await c.connect(); await c.query('drop database if exists big'); await c.query('create database big'); await c.end()
const s = new pg.Client('postgres://postgres@127.0.0.1:55415/big'); await s.connect()
await using d = await openDatabase({url:'postgres://postgres@127.0.0.1:55415/big', log})
await migrateToLatest(d.db,{log})
await s.query(`insert into resource (id, kind) select n, 'edge' from generate_series(100000, 1099999) n;
insert into edge (id, edge_id, comment, producttype, created_at, settings) select n, 'edge'||n, 'House number '||n, 'HOME10', now(), '{"a":{"b":1}}' from generate_series(100000,1099999) n;
insert into edge_key (edge_id, key_hash, created_at) select n, md5(n::text)||'xxxxxxxxxxx', now() from generate_series(100000,1099999) n;
insert into principal (id, kind) select n,'user' from generate_series(100000,199999) n;
insert into user_account (id, login, name, created_at) select n,'user'||n,'User '||n, now() from generate_series(100000,199999) n;
insert into access_grant (principal_id, resource_id, role_id) select 100000+(n%100000), n+100000, 3 from generate_series(0,299999) n; analyze`); await s.end()
for (let i=0;i<2;i++) {
globalThis.gc?.()
const c0=process.cpuUsage(), t=performance.now()
let lag=0; let last=performance.now(); const timer=setInterval(()=>{const n=performance.now(); lag=Math.max(lag,n-last-10); last=n},10)
const { snapshot } = await loadSnapshot(d.db)
clearInterval(timer)
const u=process.cpuUsage(c0)
console.log('snapshot', Math.round(performance.now()-t),'ms, cpu',Math.round((u.user+u.system)/1000),'rows', snapshot.edge.length+snapshot.edgeKey.length+snapshot.user.length+snapshot.grant.length, 'heap', Math.round(process.memoryUsage().heapUsed/1e6), 'rss', Math.round(process.memoryUsage().rss/1e6), 'max block ms', Math.round(lag))
}
