import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { ConfigError } from '../config.ts'
import { type ForeignDatabase, openForeign } from '../db/foreign.ts'
import { problem } from '../errors.ts'
import { type FleetItem, type FleetTextFormat, fleetText } from '../import/fleet-text.ts'
import { readOdoo } from '../import/read-odoo.ts'
import { Unreadable } from '../import/unreadable.ts'
import { fleetFormat } from './export.ts'
import { writePrivately } from './private-file.ts'

/** Key of the organisation that everything from Odoo belongs to, unless said otherwise. */
export const odooOrganisation = 'odoo'

/** `odoo-to-fleet`: what an Odoo knows, as a file to look at and to import. */
export function odooCommand(): Command {
  return new Command('odoo-to-fleet')
    .description(
      'Read the database of an Odoo with the OpenEMS addon into a file that import reads; API keys are in it',
    )
    .argument('<url>', 'postgresql://user@host/database of a role that may read; password in PGPASSWORD, or in the URL')
    .argument('<file>', 'where to; readable by you alone')
    .option('--organisation <key>', 'the organisation that everything will belong to', odooOrganisation)
    .addOption(fleetFormat())
    .action(async (url: string, file: string, options: { organisation: string; format: FleetTextFormat }) =>
      writeOdoo(url, file, options),
    )
}

/** The same in a file that is deleted when disposed: for what is imported at once. */
export async function odooFile(url: string, organisation: string): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'ems-metadata-'))
  const made = {
    path: join(folder, 'odoo.json'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
  try {
    await writeOdoo(url, made.path, { organisation, format: 'json' })
    return made
  } catch (error) {
    await made[Symbol.asyncDispose]()
    throw error
  }
}

/** Reads an Odoo into a fleet file; what has to be said about it goes to standard error. */
async function writeOdoo(
  url: string,
  file: string,
  { organisation, format }: { organisation: string; format: FleetTextFormat },
): Promise<void> {
  await using odoo = await openOdoo(url)
  const items = readOdoo(odoo, { name: 'odoo', organisation: { key: organisation, name: organisation } })
  try {
    await writePrivately(fleetText(withoutRemarks(items), format), file)
  } catch (error) {
    if (error instanceof Unreadable) throw problem(error.message)
    throw error
  }
}

/** Connects. What is said when that fails never has the URL in it: a password may be there. */
async function openOdoo(url: string): Promise<ForeignDatabase> {
  if (!URL.canParse(url) || !/^postgres(ql)?:$/.test(new URL(url).protocol))
    throw new ConfigError('The database is named by an address like postgresql://reader@host/odoo.')
  try {
    return await openForeign(url)
  } catch (error) {
    const { message, code } = error as Error & { code?: unknown }
    throw problem(`The database does not let us in: ${withoutPassword(message || String(code), new URL(url))}`)
  }
}

function withoutPassword(text: string, { password }: URL): string {
  const plain = password.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return [password, plain]
    .filter((secret) => secret !== '')
    .reduce((shown, secret) => shown.replaceAll(secret, '***'), text)
}

async function* withoutRemarks(items: ReturnType<typeof readOdoo>): AsyncGenerator<FleetItem> {
  for await (const item of items) {
    if (item.section === 'remark') process.stderr.write(`${item.text}\n`)
    else yield item
  }
}
