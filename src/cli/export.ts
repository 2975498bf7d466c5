import { open, rm } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import { ConfigError } from '../config.ts'
import { openForeign } from '../db/foreign.ts'
import { problem } from '../errors.ts'
import { fleetJsonSchema } from '../import/fleet-format.ts'
import { type FleetItem, fleetText, fleetTextFormats } from '../import/fleet-text.ts'
import { readOdoo } from '../import/read-odoo.ts'
import { withClientOptions } from './calls.ts'
import { type ClientOptions, controlSocketOf, notRunning } from './client.ts'

interface Options extends ClientOptions {
  organisation?: string
  format: 'json' | 'yaml'
  schema?: true
}

const format = () => new Option('--format <format>', 'of the file').choices(fleetTextFormats).default('json')

/** `export`: the file of the fleet from a running service. */
export function exportCommand(): Command {
  return withClientOptions(new Command('export'))
    .description('Write the whole fleet, or what one organisation has of it, into a file that import reads')
    .argument('[file]', 'where to (default: standard output); readable by you alone')
    .addOption(new Option('--organisation <id>', 'a main organisation with all that belongs to its tree'))
    .addOption(format())
    .option('--schema', 'print the JSON Schema of such files and nothing else')
    .action(async (file: string | undefined, options: Options) => {
      if (options.schema) return void process.stdout.write(`${JSON.stringify(fleetJsonSchema(), null, 2)}\n`)
      const response = await ask(options)
      if (response.statusCode !== 200) throw problem((await text(response)).trim() || `HTTP ${response.statusCode}`)
      await store(response, file)
    })
}

/** `odoo-to-fleet`: what an Odoo knows, as a file to look at and to import. */
export function odooCommand(): Command {
  return new Command('odoo-to-fleet')
    .description(
      'Read the database of an Odoo with the OpenEMS addon into a file that import reads; API keys are in it',
    )
    .argument('<url>', 'postgresql://user:password@host/database of a role that may read')
    .argument('<file>', 'where to; readable by you alone')
    .option('--organisation <key>', 'the organisation that everything will belong to', 'odoo')
    .addOption(format())
    .action(
      async (
        url: string,
        file: string,
        { organisation, format }: { organisation: string; format: 'json' | 'yaml' },
      ) => {
        await using odoo = await openForeign(url)
        const items = readOdoo(odoo, { name: 'odoo', organisation: { key: organisation, name: organisation } })
        await store(fleetText(withoutRemarks(items), format), file)
      },
    )
}

async function* withoutRemarks(items: ReturnType<typeof readOdoo>): AsyncGenerator<FleetItem> {
  for await (const item of items) {
    if (item.section === 'remark') process.stderr.write(`${item.text}\n`)
    else yield item
  }
}

async function store(pieces: AsyncIterable<string | Buffer>, file: string | undefined): Promise<void> {
  if (file === undefined) return pipeline(pieces, process.stdout, { end: false })
  const handle = await open(file, 'w', 0o600)
  try {
    await pipeline(pieces, handle.createWriteStream())
  } catch (error) {
    await rm(file, { force: true })
    throw error
  }
}

/** The answer of the service: over its control socket, or at the address with the token. */
async function ask({ url, token, dataDir, organisation, format }: Options): Promise<IncomingMessage> {
  const wanted = new URLSearchParams({ format })
  if (organisation !== undefined) wanted.set('organisation', organisation)
  const path = `/export?${wanted}`
  return new Promise((resolve, reject) => {
    if (url === undefined) {
      const socketPath = controlSocketOf(dataDir)
      get({ socketPath, path }, resolve).on('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? notRunning(socketPath) : error)
      })
      return
    }
    if (token === undefined)
      throw new ConfigError('--url needs --token: make one with "ems-metadata create-service-token".')
    const address = new URL(path, url.replace(/^ws/, 'http'))
    const fetch = address.protocol === 'https:' ? getSecurely : get
    fetch(address, { headers: { authorization: `Bearer ${token}` } }, resolve).on('error', reject)
  })
}
