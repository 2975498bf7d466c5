import { get, type IncomingMessage } from 'node:http'
import { get as getSecurely } from 'node:https'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { Command, Option } from 'commander'
import { problem } from '../errors.ts'
import { fleetJsonSchema } from '../import/fleet-format.ts'
import { fleetTextFormats } from '../import/fleet-text.ts'
import { withClientOptions } from './calls.ts'
import { type ClientOptions, controlSocketOf, credentialsOf, httpAddress, notByHttp, notRunning } from './client.ts'
import { organisationOf } from './organisation.ts'
import { writePrivately } from './private-file.ts'

interface Options extends ClientOptions {
  organisation?: string
  format: 'json' | 'yaml'
  schema?: true
}

/** `--format` of what is written. */
export function fleetFormat(): Option {
  return new Option('--format <format>', 'of the file').choices(fleetTextFormats).default('json')
}

/** `export`: the file of the fleet from a running service. */
export function exportCommand(): Command {
  return withClientOptions(new Command('export'))
    .description('Write the whole fleet, or what one organisation has of it, into a file that import reads')
    .argument('[file]', 'where to (default: standard output); readable by you alone')
    .addOption(new Option('--organisation <id or name>', 'a main organisation with all that belongs to its tree'))
    .addOption(fleetFormat())
    .option('--schema', 'print the JSON Schema of such files and nothing else')
    .action(async (file: string | undefined, options: Options) => {
      if (options.schema) return void process.stdout.write(`${JSON.stringify(fleetJsonSchema(), null, 2)}\n`)
      const response = await ask(options)
      if (response.statusCode !== 200) throw problem((await text(response)).trim() || `HTTP ${response.statusCode}`)
      await store(response, file)
    })
}

async function store(pieces: AsyncIterable<string | Buffer>, file: string | undefined): Promise<void> {
  if (file === undefined) await pipeline(pieces, process.stdout, { end: false })
  else await writePrivately(pieces, file)
}

/** The answer of the service: over its control socket, or at the address with the token or the log-in. */
async function ask(options: Options): Promise<IncomingMessage> {
  const { url, as: login, dataDir, format } = options
  const { organisationId } = await organisationOf(options)
  const wanted = new URLSearchParams({ format })
  if (organisationId !== undefined) wanted.set('organisation', String(organisationId))
  const path = `/export?${wanted}`
  return new Promise((resolve, reject) => {
    if (url === undefined && login === undefined) {
      const socketPath = controlSocketOf(dataDir)
      get({ socketPath, path }, resolve).on('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? notRunning(socketPath) : error)
      })
      return
    }
    const headers = { authorization: credentialsOf(options) }
    const address = httpAddress(path, options)
    const fetch = address.protocol === 'https:' ? getSecurely : get
    const answered = (response: IncomingMessage) => {
      if (response.statusCode === 426 || response.statusCode === 404)
        reject(notByHttp(address, response.resume().statusCode ?? 0))
      else resolve(response)
    }
    fetch(address, { headers }, answered).on('error', reject)
  })
}
