import { afterAll, beforeAll, beforeEach } from 'vitest'
import { AccessStore } from '../../../src/access/access-store.ts'
import type { UserRow } from '../../../src/access/model.ts'
import type { AccountsContext, AccountsSettings } from '../../../src/accounts/accounts-context.ts'
import { ServiceTokenRegistry } from '../../../src/accounts/service-token-registry.ts'
import { SessionRegistry } from '../../../src/accounts/session-registry.ts'
import { SigningKeys } from '../../../src/accounts/signing-keys.ts'
import { Throttle } from '../../../src/accounts/throttle.ts'
import { SessionTokens } from '../../../src/accounts/tokens.ts'
import { createUser, type NewAccount } from '../../../src/accounts/user-service.ts'
import type { OpenDatabase } from '../../../src/db/database.ts'
import { createWriter } from '../../../src/db/write.ts'
import { createPasswordPool } from '../../../src/lib/password.ts'
import { deriveKey } from '../../../src/lib/secrets.ts'
import { type TestClock, testClock } from '../../harness/clock.ts'
import type { Engine } from '../../harness/database.ts'
import { silentLog } from '../../harness/log.ts'

export const password = 'correct horse battery'
export const home = '192.0.2.1'
export const service = { actorId: null }

export interface AccountsNode extends AccountsContext, AsyncDisposable {
  time: TestClock
  keys: SigningKeys
}
export interface NodeOptions {
  time?: TestClock
  secret?: string
  settings?: Partial<AccountsSettings>
  passwordCost?: number
}

/** A node with everything that accounts need; several on one database are several nodes, or one restarted. */
export async function startNode(database: OpenDatabase, options: NodeOptions = {}): Promise<AccountsNode> {
  const { time = testClock(), secret = 'a secret that is long enough for tests', passwordCost = 4 } = options
  const { db } = database
  const clock = time.now
  const settings = {
    sessionDays: 365,
    impersonationMinutes: 30,
    defaultEdgeGroup: false,
    registration: 'closed',
    registrationRole: 'owner',
    ...options.settings,
  } as const
  await using stack = new AsyncDisposableStack()
  const store = stack.use(new AccessStore({ database, log: silentLog, pollIntervalMs: 100 }))
  await store.start()
  const pepper = deriveKey(secret, 'keyed-hash')
  const sealKey = deriveKey(secret, 'signing-keys')
  const keys = new SigningKeys({ db, clock, sealKey, tokenDays: settings.sessionDays })
  await keys.ensureSigningKey()
  const sessions = stack.use(new SessionRegistry({ store, clock }))
  const serviceTokens = stack.use(new ServiceTokenRegistry({ db, store, clock, pepper }))
  const resources = stack.move()
  return {
    db,
    store,
    clock,
    pepper,
    keys,
    sessions,
    serviceTokens,
    settings,
    time,
    write: createWriter({ db, store, clock, log: silentLog }),
    passwords: createPasswordPool({ cost: passwordCost }),
    tokens: new SessionTokens({ keys, clock, issuer: 'ems-metadata', audience: 'ems-metadata' }),
    throttle: new Throttle({ db, clock, pepper }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** One database with one node for a whole block of tests. Between two tests an hour passes, so that all buckets are empty. */
export function sharedNode(engine: Engine): { readonly node: AccountsNode; readonly database: OpenDatabase } {
  let resources: AsyncDisposableStack | undefined
  const shared = {} as { node: AccountsNode; database: OpenDatabase }
  beforeAll(async () => {
    resources = new AsyncDisposableStack()
    shared.database = resources.use(await engine.open())
    shared.node = resources.use(await startNode(shared.database))
  })
  beforeEach(async () => {
    shared.node.time.advance(3_600_000)
    await shared.node.throttle.deleteEmptied(1000)
  })
  afterAll(() => resources?.disposeAsync())
  return shared
}

let names = 0
/** A login that no other test uses. */
export function newLogin(): string {
  names += 1
  return `user${names}`
}

/** An account with the usual password. */
export async function addAccount(
  node: AccountsNode,
  login = newLogin(),
  account: Partial<NewAccount> = {},
): Promise<UserRow> {
  return await createUser(node, service, { login, name: login, globalRole: 'owner', password, ...account })
}

/** The whole log as one text, to look for what must not be there. */
export async function logText(node: AccountsNode): Promise<string> {
  return JSON.stringify(await node.db.selectFrom('change').selectAll().execute())
}
