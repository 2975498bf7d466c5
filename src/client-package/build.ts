import { execFileSync } from 'node:child_process'
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeMethodTypes, methodTypesFile } from './method-types.ts'

interface Manifest {
  version: string
  license: string
  dependencies: Record<string, string>
}

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where `npm run client` makes the package, for `npm publish` there. */
const packageFolder = join(root, '.cache/client')

/** Makes the package of `src/client`: JavaScript for Node 20, declarations, and what npm wants to know. */
export async function buildClientPackage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.json'), '--outDir', folder], { stdio: 'inherit' })
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(await manifest(), null, 2)}\n`)
  await copyFile(join(here, 'README.md'), join(folder, 'README.md'))
  await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'))
}

async function manifest() {
  const { version, license, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
  return {
    name: '@ems-metadata/client',
    version,
    description: 'Client of ems-metadata: typed calls, a connection that comes back, and a copy of the metadata.',
    license,
    type: 'module',
    engines: { node: '>=20' },
    exports: { '.': { types: './index.d.ts', default: './index.js' } },
    types: './index.d.ts',
    files: ['*.js', '*.d.ts'],
    sideEffects: false,
    publishConfig: { access: 'public' },
    dependencies: { ws: dependencies['ws'] },
  }
}

if (import.meta.main) {
  await writeFile(methodTypesFile, describeMethodTypes())
  await buildClientPackage(packageFolder)
}
