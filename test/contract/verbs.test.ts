import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { callCommands } from '../../src/cli/calls.ts'
import { createUserCommand } from '../../src/cli/create-user.ts'
import { describeApi } from '../../src/rpc/describe.ts'
import { describeVerbs, verbs } from './verbs.ts'

const words = (cell: string) => (cell.startsWith('(') ? [] : cell.split(', '))

describe('every kind of thing', () => {
  it('is created, renamed, moved, shared, listed and deleted by methods that there are', () => {
    const known = new Set<string>(allMethods.map(({ name }) => name))
    const named = verbs.flatMap(({ create, rename, move, share, list, remove }) =>
      [create, rename, move, share, list, remove].flatMap(words),
    )
    expect(named.filter((name) => !known.has(name))).toEqual([])
  })

  it('is listed in pages, searched and sorted (P-24, G-27)', () => {
    const methods = new Map(
      describeApi(allMethods).methods.map(({ name, params }) => [name, params.map((one) => one.name)]),
    )
    // The newest tokens are wanted, and of a single service; they have a limit.
    const lists = verbs.flatMap(({ list }) => words(list)).filter((name) => name !== 'listServiceTokens')
    for (const name of lists) {
      const params = methods.get(name) ?? []
      expect([name, params]).toEqual([name, expect.arrayContaining(['page', 'limit', 'query'])])
      expect([name, params.includes('sort') || params.includes('searchParams')]).toEqual([name, true])
    }
  })

  it('is reached by commands that there are', () => {
    const commands = new Map([...callCommands(), createUserCommand()].map((command) => [command.name(), command]))
    for (const line of verbs.flatMap(({ cli }) => words(cli))) {
      const [name = '', kind] = line.split(' ')
      const command = commands.get(name)
      expect([line, command?.name()]).toEqual([line, name])
      const choices = command?.registeredArguments[0]?.argChoices
      if (kind !== undefined) expect([line, choices?.includes(kind)]).toEqual([line, true])
    }
  })

  it('stands with its methods in the README', async () => {
    expect(await readFile(new URL('../../README.md', import.meta.url), 'utf8')).toContain(describeVerbs())
  })
})
