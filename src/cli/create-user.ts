import { Command, Option } from 'commander'
import { LOCAL_OPERATOR_PRINCIPAL_ID, type OpenemsRole, openemsRoles } from '../access/model.ts'
import { createUser } from '../accounts/user-service.ts'
import { readConfig } from '../config.ts'
import { generateSetupPassword } from '../lib/secrets.ts'
import { createLogger } from '../log.ts'
import { start } from '../start.ts'
import { withClientOptions } from './calls.ts'
import { type ClientOptions, callService, NotRunning } from './client.ts'

interface Options extends ClientOptions {
  name?: string
  email?: string
  globalRole: OpenemsRole
  password?: string
  json?: true
}

/** `create-user`: through the running service, or, when none runs, in its database. */
export function createUserCommand(): Command {
  return withClientOptions(new Command('create-user'))
    .description('Create an account (also while the service is stopped)')
    .argument('<login>', 'log-in name')
    .option('--name <text>', 'name of the person')
    .option('--email <address>', 'e-mail address')
    .addOption(new Option('--global-role <role>', 'what the UI shows in menus').choices(openemsRoles).default('guest'))
    .option('--password <text>', 'password (default: EMS_PASSWORD, else a random one, printed once)')
    .action(async (login: string, options: Options) => {
      const given = options.password ?? process.env['EMS_PASSWORD']
      const password = given ?? generateSetupPassword()
      const { name, email, globalRole } = options
      const account = {
        login,
        password,
        globalRole,
        ...(name === undefined ? {} : { name }),
        ...(email === undefined ? {} : { email }),
      }
      const { login: created, administratorPassword } = await create(options, account)
      const result = {
        login: created,
        ...(given === undefined ? { password } : {}),
        ...(administratorPassword === undefined ? {} : { administratorPassword }),
      }
      process.stdout.write(
        options.json
          ? `${JSON.stringify(result)}\n`
          : `Account ${created} created.${given === undefined ? `\nPassword, shown this once: ${password}` : ''}${
              administratorPassword === undefined
                ? ''
                : `\nThis was the first use of the database. Administrator: login admin, password ${administratorPassword}, shown this once.`
            }\n`,
      )
    })
}

async function create(
  options: Options,
  account: { login: string; password: string; globalRole: OpenemsRole; name?: string },
): Promise<{ login: string; administratorPassword?: string | undefined }> {
  try {
    const { login } = await callService(options, 'createUser', account)
    return { login: String(login) }
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error
  }
  const env = { ...process.env, ...(options.dataDir === undefined ? {} : { EMS_DATA_DIR: options.dataDir }) }
  // Without ports it is the service for a moment: same checks, same log, and a running one would be noticed.
  const noPorts = { edgePort: 0, uiPort: 0, httpPort: 0, backendPort: 0, restPort: 0, edgeManagerPort: 0 }
  const config = { ...readConfig(env), ...noPorts }
  await using started = await start({ config, log: createLogger({ level: 'warn' }) })
  const actor = { actorId: LOCAL_OPERATOR_PRINCIPAL_ID }
  const user = await createUser(started.ctx, actor, { ...account, name: account.name ?? account.login })
  return { login: user.login, administratorPassword: started.generatedAdminPassword }
}
