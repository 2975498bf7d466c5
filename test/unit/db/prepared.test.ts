import { describe, expect, it } from 'vitest'
import { StatementNames } from '../../../src/db/prepared.ts'

describe('names of prepared statements', () => {
  it('belong to the text of the statement, and fit into what PostgreSQL keeps of a name', () => {
    const names = new StatementNames()
    const name = names.nameOf('select $1', 1)
    expect(name).toMatch(/^\S{1,63}$/)
    expect(names.nameOf('select $1', 1)).toBe(name)
    expect(names.nameOf('select $1::int', 1)).not.toBe(name)
    expect(new StatementNames().nameOf('select $1', 1)).toBe(name)
  })

  it('are not given to statements without parameters or with long lists of them', () => {
    const names = new StatementNames()
    expect(names.nameOf('begin', 0)).toBeUndefined()
    expect(names.nameOf('insert into edge values ($1, ...)', 65)).toBeUndefined()
  })

  it('are limited in number, so that generated statements do not fill the server', () => {
    const names = new StatementNames()
    for (let n = 0; n < 1000; n++) expect(names.nameOf(`select $1 + ${n}`, 1)).toBeDefined()
    expect(names.nameOf('select $1', 1)).toBeUndefined()
    expect(names.nameOf('select $1 + 0', 1)).toBeDefined()
  })

  it('change when the schema has changed', () => {
    const names = new StatementNames()
    const before = names.nameOf('select $1', 1)
    names.renew()
    expect(names.nameOf('select $1', 1)).not.toBe(before)
  })
})
