import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { ImportInput } from '../../../src/import/model.ts'
import { readImport } from '../../../src/import/readers.ts'
import { fileOf, roomyLimits } from '../../harness/import-files.ts'
import { xlsx } from '../../harness/xlsx.ts'

const USERS = 100_000
const MB = 1_000_000

const template = fileOf(
  't.json',
  JSON.stringify({
    OpUser: {
      RootPath: 'users[*]',
      Items: [
        { OpIdentifier: 'opUser.Email', Path: 'mail' },
        { OpIdentifier: 'opUser.Sources', Path: 'sources[*]' },
      ],
    },
  }),
)

/** A file that is made while it is read, and knows how much of it has been taken. */
function growing(name: string, head: string, line: (index: number) => string, tail: string) {
  const taken = { bytes: 0 }
  const input: ImportInput = {
    name,
    async *open() {
      taken.bytes = 0
      for (let index = 0, text = head; index < USERS; ) {
        while (index < USERS && text.length < 32_768) text += line(index++)
        const bytes = Buffer.from(index === USERS ? text + tail : text)
        taken.bytes += bytes.length
        text = ''
        yield bytes
      }
    },
  }
  return { input, taken }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function usedBytes(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const files = {
  'template-json': growing(
    'users.json',
    '{"users":[{"mail":"first@x.org"}',
    (index) => `,{"mail":"user${index}@example.org","sources":["SN-${index}-1","SN-${index}-2","SN-${index}-3"]}`,
    ']}',
  ),
  csv: growing(
    'users.csv',
    'email,sources\nfirst@x.org,\n',
    (index) => `user${index}@example.org,"SN-${index}, S"\n`,
    '',
  ),
}

describe('files of any size', () => {
  it.each(Object.entries(files))(
    'are read in bounded memory, with turns for others: %s',
    async (format, { input, taken }) => {
      let turns = 0
      let isReading = true
      const others = (async () => {
        for (; isReading; turns++) await turn()
      })()
      const before = usedBytes()
      let users = 0
      let largest = 0
      let sinceTurn = { turns: 0, users: 0 }
      let mostInOneTurn = 0
      let mostTakenAhead = 0
      for await (const item of readImport(input, format === 'csv' ? {} : { template }, roomyLimits, format)) {
        expect(item.kind).toBe('user')
        users++
        if (sinceTurn.turns !== turns) sinceTurn = { turns, users }
        mostInOneTurn = Math.max(mostInOneTurn, users - sinceTurn.users)
        if (users === 1) mostTakenAhead = taken.bytes
        if (users % 20_000 === 0) largest = Math.max(largest, usedBytes() - before)
      }
      isReading = false
      await others
      expect(users).toBe(USERS + 1)
      expect(mostTakenAhead).toBeLessThan(MB)
      expect(mostInOneTurn).toBeLessThan(1_000)
      // What is left is whom it has seen (D-03).
      expect(largest).toBeLessThan(60 * MB)
    },
  )

  it('are given up early when nobody reads on', async () => {
    const { input, taken } = files.csv
    for await (const _ of readImport(input, {}, roomyLimits, 'csv')) break
    expect(taken.bytes).toBeLessThan(MB)
  })

  it('are read from a workbook row by row', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => [`user${index}@example.org`, `SN-${index}`])
    const input = fileOf('users.xlsx', xlsx({ S: [['email', 'edges'], ...rows] }))
    const before = usedBytes()
    let users = 0
    let largest = 0
    for await (const _ of readImport(input, {}, roomyLimits)) {
      if (++users % 5_000 === 0) largest = Math.max(largest, usedBytes() - before)
    }
    expect(users).toBe(rows.length)
    expect(largest).toBeLessThan(20 * MB)
  })
})
