import { openEmbedded } from './db/embedded.ts'
import { createLogger } from './log.ts'
import { sql } from 'kysely'
import { rmSync } from 'node:fs'
import fs from 'node:fs'
rmSync('/tmp/pgltest',{recursive:true,force:true})
const log = createLogger({level:'info'})
let t0=performance.now()
{
await using d = await openEmbedded({dataDir:'/tmp/pgltest', log})
console.log('open', performance.now()-t0)
for (const s of ['fsync','wal_sync_method']) console.log(s, (await sql`select current_setting(${s}) as v`.execute(d.db)).rows)
await sql.raw('create table if not exists t(id int generated always as identity, v text); select 1').execute(d.db)
const t1=performance.now(); for(let i=0;i<200;i++) await sql`insert into t(v) values(${'x'+i})`.execute(d.db); console.log('200 inserts', performance.now()-t1)
await openEmbedded({dataDir:'/tmp/pgltest', log}).catch(e=>console.log(String(e)))
}
t0=performance.now()
{
await using d = await openEmbedded({dataDir:'/tmp/pgltest', log})
console.log('reopen', performance.now()-t0, (await sql`select count(*) as n from t`.execute(d.db)).rows, fs.readdirSync('/tmp/pgltest'))
}
