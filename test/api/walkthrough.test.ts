import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../harness/child.ts'
import { UiClient, userPassword } from '../harness/clients.ts'
import { startTestService, type TestService, temporaryFolder } from '../harness/service.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let service: TestService
beforeAll(async () => {
  service = await startTestService({ engine: 'embedded', config: { defaultEdgeGroup: true } })
})
afterAll(() => service?.[Symbol.asyncDispose]())

/** The commands of a chapter, as they stand there. */
async function commandsOf(chapter: string): Promise<string[][]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const text = readme.slice(readme.indexOf(`\n## ${chapter}\n`)).slice(1)
  const end = text.indexOf('\n## ')
  const blocks = [...text.slice(0, end).matchAll(/\n```\n([\s\S]*?)\n```/g)].flatMap(([, block = '']) =>
    block.split('\n'),
  )
  const commands = blocks.filter((line) => line.startsWith('npx ems-metadata '))
  return commands.map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? ''))
}

it('moving in works command by command as the README says it', { timeout: 300_000 }, async () => {
  await using folder = await temporaryFolder()
  // Sample files are named from the root of the repository; what is written goes elsewhere.
  const written = new Map(['vouchers.csv', 'everything.yaml'].map((name) => [name, join(folder.path, name)]))
  const commands = await commandsOf('Moving in')
  const said: { command: string; stdout: string }[] = []
  for (const [, , ...words] of commands) {
    const args = words.map((word) => written.get(word) ?? (word.startsWith('test/fixtures/') ? join(root, word) : word))
    const { code, stdout, stderr } = await runCli([...args, '--data-dir', service.config.dataDir])
    expect([words.join(' '), code, stderr]).toEqual([words.join(' '), 0, ''])
    said.push({ command: words.join(' '), stdout })
  }
  const outputs = (part: string) => said.filter(({ command }) => command.includes(part)).map(({ stdout }) => stdout)
  expect(said.length).toBeGreaterThanOrEqual(14)
  const [tried, done, again] = outputs('houses.yaml')
  expect(tried).toContain('nothing was changed')
  expect(done).toContain('olga@example.org gains installer on 3 edges: house10, house11, house12')
  expect(again).toContain('8 records, 8 as they were')
  expect(outputs('--invitations')[0]).toContain('3 vouchers are in')
  expect(outputs('users.json')[0]).toContain('tom@example.org changes from guest to guest for some periods on 2 edges')
  expect(outputs('users.xlsx')[0]).toMatch(/3 records, [13] as they were/)
  expect(outputs('import everything.yaml')[0]).toMatch(/(\d+) records, \1 as they were/)
  expect(outputs('import-report')[0]).toContain('houses.yaml')

  const vouchers = (await readFile(written.get('vouchers.csv') ?? '', 'utf8')).split('\n')
  const token = vouchers.find((line) => line.startsWith('tom@example.org,'))?.split(',')[2]
  await using ui = await UiClient.open(service)
  const { login } = await ui.request('openAccount', { invitation: token, password: userPassword })
  await ui.signIn(String(login))
  const { edges } = await ui.request('getEdges', {})
  expect((edges as { id: string }[]).map(({ id }) => id).sort()).toEqual(['house10', 'house11'])
})
