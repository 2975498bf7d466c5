import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { describeMethodTypes, methodTypesFile } from '../../src/client-package/method-types.ts'

it('the types of the client library are those of the method list: `npm run client` writes them anew', async () => {
  expect(await readFile(methodTypesFile, 'utf8')).toBe(describeMethodTypes())
})
