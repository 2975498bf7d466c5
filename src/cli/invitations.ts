import { Command, Option } from 'commander'
import { withClientOptions } from './calls.ts'
import { type ClientOptions, callService } from './client.ts'
import { wholeNumber } from './numbers.ts'
import { openPrivate, type PrivateFile } from './private-file.ts'

interface Invited {
  login: string
  state: 'invited' | 'open' | 'refused'
  email?: string | null
  token?: string
  expiresAt?: string
}

const PAGE = 500
const header = ['login', 'email', 'voucher', 'validUntil']

/** `invite-imported`: vouchers for the people whom an import invites, into a file. */
export function inviteImportedCommand(): Command {
  return withClientOptions(new Command('invite-imported'))
    .description('Write vouchers for the people an import invites into a file; those from before end')
    .argument('<import-id>', 'as "import" and "import-report" say')
    .argument('<file>', 'CSV, readable by you alone; must not be there yet')
    .addOption(validDays())
    .action(async (importId: string, file: string, options: ClientOptions & { json?: true; validDays: number }) => {
      await using target = await openPrivate(file)
      const counts = await writeInvitations(options, importId, target, options.validDays)
      process.stdout.write(`${options.json ? JSON.stringify(counts) : invitationsText(counts, file)}\n`)
    })
}

export function validDays(): Option {
  return new Option('--valid-days <days>', 'how long a voucher is good').argParser(wholeNumber).default(14)
}

/** Has vouchers made page by page and writes them down, one line each. */
export async function writeInvitations(
  options: ClientOptions,
  importId: string,
  target: PrivateFile,
  days: number,
): Promise<Record<Invited['state'], number>> {
  const counts = { invited: 0, open: 0, refused: 0 }
  await target.write(`${header.join(',')}\n`)
  for (let after: unknown = ''; after !== undefined; ) {
    const params = { importId, after, limit: PAGE, validDays: days }
    const { invited, next } = await callService(options, 'inviteImported', params)
    // From now on there are vouchers: they stay, whatever comes to grief with the next page.
    target.keep()
    for (const one of invited as Invited[]) {
      counts[one.state] += 1
      if (one.state !== 'invited') continue
      await target.write(`${[one.login, one.email, one.token, one.expiresAt].map(cell).join(',')}\n`)
    }
    after = next
  }
  return counts
}

/** What was written, for people. */
export function invitationsText({ invited, open, refused }: Record<Invited['state'], number>, file: string): string {
  const others = [
    ...(open === 0 ? [] : [`${open} need none any more`]),
    ...(refused === 0 ? [] : [`${refused} have something that is not yours to give: ask who looks after all accounts`]),
  ]
  return [`${invited} vouchers are in ${file}, shown this once: hand them out, and delete the file`, ...others].join(
    '\n',
  )
}

/** A cell that a spreadsheet takes for text, whatever it begins with. */
function cell(value: string | null | undefined): string {
  const text = value ?? ''
  const isFormula = /^[=+@-]/.test(text)
  return isFormula || /[",\r\n]/.test(text) ? `"${isFormula ? "'" : ''}${text.replaceAll('"', '""')}"` : text
}
