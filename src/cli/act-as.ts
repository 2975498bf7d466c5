import { Command } from 'commander'
import { ServiceClient } from '../client/service-client.ts'
import { ServiceError } from '../client/service-error.ts'
import { errorKinds } from '../errors.ts'
import { systemClock } from '../lib/clock.ts'
import { openService } from './client.ts'
import { stopSignal } from './stop-signal.ts'

interface Started {
  token: string
  user: { id: string; name: string; impersonatedBy: { until: string } }
}

/** The time it takes to end it before it ends by itself, which would leave one's own session open. */
const EARLIER_MS = 2000

/** `act-as`: acts as another user in a browser with the OpenEMS UI, as long as it runs (E-06). */
export function actAsCommand(): Command {
  return new Command('act-as')
    .description('Act as another user in the OpenEMS UI, for some minutes or until Ctrl-C')
    .argument('<login>', 'as whom')
    .requiredOption('--as <login>', 'who you are; your password in EMS_LOGIN_PASSWORD')
    .requiredOption('--url <url>', 'address for the UI, like ws://host:8082')
    .action(actAs)
}

async function actAs(login: string, { as, url }: { as: string; url: string }): Promise<void> {
  await using client = await openService({ as, url })
  const { token, user } = (await client.request('impersonate', { login })) as Started
  const { until } = user.impersonatedBy
  process.stdout.write(`${instructions(user, token)}\n`)
  await stopSignal(Math.max(0, Date.parse(until) - EARLIER_MS - systemClock().getTime()) / 1000)
  if (!client.isConnected) await logOut(url, token)
  process.stdout.write('Ended; the browser is signed out.\n')
}

function instructions({ id, name, impersonatedBy: { until } }: Started['user'], token: string): string {
  return [
    `You act as ${name} (${id}) until ${until}. The log says that it was you.`,
    'Open the UI in a private window and enter in the console of the browser (F12):',
    '',
    `document.cookie = 'token=${token}; path=/; SameSite=Strict'; location.reload()`,
    '',
    'Ctrl-C here ends it and signs the browser out.',
  ].join('\n')
}

/** By the token, when the connection is gone: it leads back to the session that acts, or the one it was opened from. */
async function logOut(url: string, token: string): Promise<void> {
  await using client = new ServiceClient({ url, reconnect: false })
  await client.connected()
  try {
    await client.request('authenticateWithToken', { token })
    await client.request('logout', {})
  } catch (error) {
    const isOver = error instanceof ServiceError && error.code === errorKinds.authenticationFailed.code
    if (!isOver) throw error
  }
}
