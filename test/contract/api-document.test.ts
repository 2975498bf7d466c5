import { describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { describeApi, describeForPeople } from '../../src/rpc/describe.ts'
import type { Method } from '../../src/rpc/method.ts'

const document = describeApi(allMethods)
const methods: readonly Method[] = allMethods

describe('the API document', () => {
  it('describes every method that dispatch knows, with what OpenRPC demands of one', () => {
    expect(document.methods.map(({ name }) => name)).toEqual(methods.map(({ name }) => name))
    for (const { name, params, result } of document.methods) {
      const names = params.map((param) => param.name)
      expect([name, new Set(names).size]).toEqual([name, names.length])
      expect([name, params.every(({ schema }) => typeof schema === 'object')]).toEqual([name, true])
      expect([name, result]).toEqual([name, { name: 'result', schema: expect.any(Object) }])
    }
  })

  it('names parameters that the schema of the method knows', () => {
    for (const method of methods) {
      const described = document.methods.find(({ name }) => name === method.name)?.params ?? []
      const refused = method.params.safeParse(undefined)
      expect([method.name, refused.success]).toEqual([method.name, false])
      const missing = method.params.safeParse({}).error?.issues.map(({ path }) => path[0]) ?? []
      const required = described.filter((param) => param.required).map((param) => param.name)
      expect([method.name, missing.filter((path) => path !== undefined && !required.includes(String(path)))]).toEqual([
        method.name,
        [],
      ])
    }
  })

  it('refers to errors that it explains', () => {
    const known = new Set(Object.keys(document.components.errors).map((kind) => `#/components/errors/${kind}`))
    for (const { errors } of document.methods) expect(errors.filter(({ $ref }) => !known.has($ref))).toEqual([])
    const errorsOf = (name: string) => document.methods.find((method) => method.name === name)?.errors ?? []
    expect(errorsOf('getEmsType')).toContainEqual({ $ref: '#/components/errors/roleDenied' })
    expect(errorsOf('logout')).not.toContainEqual({ $ref: '#/components/errors/unauthenticated' })
  })

  it('shows examples that the schemas allow, to programs and to people', () => {
    const shown = methods.filter(({ example }) => example !== undefined)
    for (const { name, example, params, result } of shown) {
      expect([name, params.safeParse(example?.params).success]).toEqual([name, true])
      expect([name, result.safeParse(example?.result).data]).toEqual([name, example?.result])
    }
    const text = describeForPeople(allMethods)
    for (const { example } of shown) expect(text).toContain(JSON.stringify(example?.result))
  })
})
