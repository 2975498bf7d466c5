import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Lowest first. A file may import its own layer or a lower one. Folders not named here are domains. */
const layers: readonly (readonly string[])[] = [
  ['lib', 'errors.ts', 'log.ts', 'config.ts', 'settings.ts'],
  ['db'],
  ['access', 'accounts', 'edges', 'live'],
  ['rpc'],
  ['api'],
  ['server'],
  ['context.ts', 'start.ts', 'main.ts', 'cli.ts', 'cli', 'client', 'client-package', 'demo', 'simulator'],
]
/** Written by a program, one entry below the other. */
const generated = 'src/client/methods.ts'
const domains = layers.findIndex((layer) => layer.includes('access'))

interface SourceFile {
  path: string
  text: string
  /** What it imports at run time: paths below src, or package names. */
  imports: string[]
}

const importing = /^(?:import|export)\s+(?!type\b)(?:([^'";]*?)\s+from\s+)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm

describe('source files', () => {
  let files: SourceFile[] = []
  beforeAll(async () => {
    files = await readSources('src')
  })

  it('belong to a layer', () => {
    expect(files.map(({ path }) => path).filter((path) => layerOf(path) === -1)).toEqual([])
  })

  it('import nothing from a higher layer at run time', () => {
    const upward = files.flatMap(({ path, imports }) =>
      imports
        .filter((target) => target.startsWith('src/') && layerOf(target) > layerOf(path))
        .map((target) => `${path} -> ${target}`),
    )
    expect(upward).toEqual([])
  })

  it('of the access engine know neither the database nor the world, except for the store and the services', () => {
    const engine = files.filter(({ path }) => /^src\/access\/(?!access-store|[a-z-]*(service|queries|door))/.test(path))
    const foreign = engine.flatMap(({ path, imports }) =>
      imports.filter((target) => !/^src\/(access|lib|errors)/.test(target)).map((target) => `${path} -> ${target}`),
    )
    expect(foreign).toEqual([])
  })

  it('of the client library need nothing of the service, not even its types: it is of use without it', () => {
    const library = files.filter(({ path }) => path.startsWith('src/client/'))
    const named = library.flatMap(({ path, text }) =>
      [...text.matchAll(/\bfrom '([^']+)'|\bimport\(\s*'([^']+)'/g)].map(([, from, dynamic]) => ({
        path,
        target: from ?? dynamic ?? '',
      })),
    )
    const foreign = named.filter(({ target }) => !/^\.\/[a-z-]+\.ts$|^node:|^ws$/.test(target))
    expect([library.length > 0, foreign]).toEqual([true, []])
  })

  it('do not go in circles', () => {
    expect(findCircle(new Map(files.map(({ path, imports }) => [path, imports])))).toBeUndefined()
  })

  it('open sockets, read the environment, take the time and speak to PostgreSQL in their own places only', () => {
    const rules: readonly { found: (file: SourceFile) => boolean; allowed: RegExp; what: string }[] = [
      { what: 'ws', found: ({ imports }) => imports.includes('ws'), allowed: /^src\/(server|client|simulator)\// },
      { what: 'pg', found: ({ imports }) => imports.includes('pg'), allowed: /^src\/db\// },
      {
        what: 'zod',
        found: ({ imports }) => imports.includes('zod'),
        allowed: /^src\/(api|rpc|import|client-package)\/|^src\/settings\.ts$/,
      },
      {
        what: 'process.env',
        found: ({ text }) => /\bprocess\.env\b/.test(text),
        allowed: /^src\/(config|main|cli)\.ts$|^src\/(cli|simulator)\//,
      },
      {
        what: 'the time',
        found: ({ text }) => /\bnew Date\(\)|\bDate\.now\(\)/.test(text),
        allowed: /^src\/lib\/clock\.ts$/,
      },
    ]
    const broken = rules.flatMap(({ what, found, allowed }) =>
      files.filter((file) => found(file) && !allowed.test(file.path)).map(({ path }) => `${path}: ${what}`),
    )
    expect(broken).toEqual([])
  })

  it('of methods decide for who called, not for whose the socket is by then (K4)', () => {
    const live = /\bsession\.caller\b(?! [!=]== caller)|\bcaller\b[^;=]*\} = (call\.)?session\b|session: \{ caller/
    const methods = files.filter(({ path }) => path.startsWith('src/api/'))
    expect(live.test('const { caller, kind } = call.session')).toBe(true)
    expect(methods.filter(({ text }) => live.test(text)).map(({ path }) => path)).toEqual([])
  })

  it('have names that say something', () => {
    expect(files.filter(({ path }) => /\/(utils?|helpers?|common|types|misc)\.ts$/.test(path))).toEqual([])
    expect(files.filter(({ path }) => !/^src(\/[a-z][a-z0-9-]*)*\.ts$/.test(path)).map(({ path }) => path)).toEqual([])
  })
})

describe('all files', () => {
  it('have at most 400 lines', async () => {
    const files = [...(await readSources('src')), ...(await readSources('test'))]
    const written = files.filter(({ path }) => path !== generated)
    const long = written.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    expect(long.filter(({ lines }) => lines > 400)).toEqual([])
  })
})

async function readSources(folder: string): Promise<SourceFile[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(root, path), 'utf8')
      return { path, text, imports: importsOf(path, text) }
    }),
  )
}

function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(importing)]
    .filter(([, names]) => !isTypesOnly(names))
    .map(([, , from, dynamic]) => from ?? dynamic ?? '')
    .map((target) => (target.startsWith('.') ? join(dirname(path), target) : target))
}

/** `{ type A, type B }`: nothing is left of it at run time. */
function isTypesOnly(names: string | undefined): boolean {
  const inside = /^\{([\s\S]*)\}$/.exec(names ?? '')?.[1]
  if (inside === undefined) return false
  return inside
    .split(',')
    .map((name) => name.trim())
    .every((name) => name === '' || name.startsWith('type '))
}

function layerOf(path: string): number {
  const place = path.split('/')[1] ?? ''
  const layer = layers.findIndex((names) => names.includes(place))
  return layer === -1 && !place.endsWith('.ts') ? domains : layer
}

function findCircle(graph: ReadonlyMap<string, readonly string[]>): string | undefined {
  const finished = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string | undefined => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path].join(' -> ')
    if (finished.has(path)) return undefined
    for (const target of graph.get(path) ?? []) {
      const circle = visit(target, [...trail, path])
      if (circle !== undefined) return circle
    }
    finished.add(path)
    return undefined
  }
  for (const path of graph.keys()) {
    const circle = visit(path, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
