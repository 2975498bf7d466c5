import { Client } from 'pg'

/** Of the lock on which commits wait. */
const COMMIT_LOCK = 42

/** A connection of its own to a database. */
export async function connected(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** Lets whatever changes the graph wait at the moment of its commit, for the two seconds that it has. */
export async function holdCommits(url: string) {
  const client = await connected(url)
  await client.query(`
    create function wait_at_commit() returns trigger as $$
      begin perform pg_advisory_xact_lock(${COMMIT_LOCK}); return null; end $$ language plpgsql;
    create constraint trigger wait_at_commit after insert on change deferrable initially deferred
      for each row execute function wait_at_commit()`)
  await client.query(`select pg_advisory_lock(${COMMIT_LOCK})`)
  return {
    isWaitedFor: async () => {
      const { rowCount } = await client.query(`
        select from pg_locks join pg_database on pg_database.oid = pg_locks.database
        where datname = current_database() and locktype = 'advisory' and objid = ${COMMIT_LOCK} and not granted`)
      return rowCount === 1
    },
    letGo: async () => void (await client.query(`select pg_advisory_unlock(${COMMIT_LOCK})`)),
    [Symbol.asyncDispose]: () => client.end(),
  }
}
