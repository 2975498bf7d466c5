import { describe, expect, it } from 'vitest'
import { fromDatabase } from '../../../src/db/pg-errors.ts'
import { AppError, problem } from '../../../src/errors.ts'

const failure = (message: string, fields: object = {}) => Object.assign(new Error(message), fields)

describe('errors of the database', () => {
  it.each([
    ['08006', 'the connection is gone'],
    ['53300', 'too many connections'],
    ['53100', 'the disk is full'],
    ['57P01', 'the server stops'],
    ['57P03', 'the server starts'],
    ['57014', 'a statement took too long'],
    ['25006', 'the server is a standby'],
    ['40P01', 'a deadlock'],
    ['ECONNREFUSED', 'nobody listens'],
    ['ENOTFOUND', 'no such host'],
    ['ECONNRESET', 'cut off'],
  ])('%s is "unavailable": %s', (code) => {
    const error = failure('text of the server', { code })
    const translated = fromDatabase(error)
    expect(translated).toMatchObject({ kind: 'unavailable', details: [], cause: error })
    expect((translated as Error).message).not.toContain('text of the server')
  })

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'PGlite is closed',
  ])('"%s" is "unavailable" without a code', (message) => {
    expect(fromDatabase(failure(message))).toMatchObject({ kind: 'unavailable' })
    expect(fromDatabase(failure(message, { code: '42601' }))).not.toBeInstanceOf(AppError)
  })

  it('gives violated constraints their text, and only that', () => {
    const error = failure('duplicate key value violates unique constraint "user_account_login_unique"', {
      code: '23505',
      constraint: 'user_account_login_unique',
      detail: 'Key (login)=(anna) already exists.',
    })
    expect(fromDatabase(error)).toEqual(problem('This login is taken'))
  })

  it('tells a missing target from one in use', () => {
    const insert = 'insert or update on table "site" violates foreign key constraint "site_organisation_fk"'
    const remove = 'update or delete on table "organisation" violates foreign key constraint "site_organisation_fk"'
    expect(fromDatabase(failure(insert, { code: '23503' }))).toMatchObject({
      message: 'It refers to something that does not exist',
    })
    expect(fromDatabase(failure(remove, { code: '23503' }))).toMatchObject({ message: 'It is still in use' })
  })

  it('leaves everything else alone', () => {
    const own = new AppError('forbidden', ['edge0'])
    expect(fromDatabase(own)).toBe(own)
    const mistake = failure('column "x" does not exist', { code: '42703' })
    expect(fromDatabase(mistake)).toBe(mistake)
    const unknown = failure('violates check constraint', { code: '23514', constraint: 'unheard_of' })
    expect(fromDatabase(unknown)).toBe(unknown)
    expect(fromDatabase('text')).toBe('text')
  })
})
