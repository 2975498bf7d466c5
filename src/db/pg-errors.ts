import { AppError } from '../errors.ts'

/** What a violated constraint means to whoever sent the value. Foreign keys have the two texts further down. */
export const constraintTexts: Readonly<Record<string, string>> = {
  user_account_login_unique: 'This login is taken',
  user_account_login_lower: 'A login has 1 to 200 characters, in lower case and without spaces around it',
  user_account_email_unique: 'This e-mail address is taken',
  user_account_global_role_known: 'This role is not known',
  service_name_unique: 'A service with this name exists already',
  membership_unique: 'This is a member of the group already',
  membership_not_itself: 'A group cannot contain itself',
  membership_state_known: 'This state of a membership is not known',
  membership_period: 'A membership must end after it begins',
  service_token_hash_unique: 'This token is in use already',
  invitation_token_hash_unique: 'This token is in use already',
  organisation_not_its_parent: 'An organisation cannot be its own parent',
  edge_edge_id_unique: 'An edge with this id exists already',
  edge_setup_password_hash_unique: 'This setup password is in use already',
  edge_key_hash_unique: 'This API key is in use already',
  containment_unique: 'It is contained there already',
  containment_not_itself: 'A group cannot contain itself',
  role_name_unique: 'A role with this name exists already',
  role_openems_role_known: 'This role is not known',
  access_grant_period: 'A grant must end after it begins',
  restriction_unique: 'A restriction of this user on this edge exists already',
  claim_unique: 'The user has this claim already',
  import_key_unique: 'This name is taken by another import: try again',
}

const unavailableStates = new Set([
  '25006', // read only: a standby
  '25P03', // idle in transaction for too long
  '25P04', // transaction took too long
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock not available
  '57014', // statement timeout
  '57P01', // terminated by the administrator
  '57P02', // crash of another backend
  '57P03', // cannot connect now
  '57P05', // idle for too long
])
const unavailableClasses = new Set(['08', '53', '58'])
const socketErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
])
/** Failures of the connection for which `pg` and PGlite have no code. */
const unavailableMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying|timeout expired|Cannot use a pool after|Query read timeout|PGlite is clos|driver has already been destroyed)/i

interface Fields {
  code: string
  constraint: string
  message: string
}

/** What a failure of the database is to a caller; everything else comes back as it is. */
export function fromDatabase(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error
  const fields = { code: text(error, 'code'), constraint: text(error, 'constraint'), message: error.message }
  if (isUnavailable(fields)) return new AppError('unavailable', [], error)
  const meaning = meaningOf(fields)
  return meaning === undefined ? error : new AppError('generic', [meaning], error)
}

/** Whether the database refused a value, as it will whenever it is sent again. */
export function isRefusedValue(error: unknown): boolean {
  return /^(22|23|54)[0-9A-Z]{3}$/.test(codeOf(error))
}

/** Whether rows do not go with those that are there: a name is taken, something referred to is gone. */
export function isMisfit(error: unknown): boolean {
  return /^23[0-9A-Z]{3}$/.test(codeOf(error))
}

/** Whether the database gave up this transaction because it and another waited for each other. */
export function isDeadlock(error: unknown): boolean {
  return codeOf(error) === '40P01'
}

function codeOf(error: unknown): string {
  const original: unknown = error instanceof AppError ? error.cause : error
  return original instanceof Error ? text(original, 'code') : ''
}

/** Whether a failure says that the database cannot be reached or asks for another try later. */
export function isUnavailable({ code, message }: Pick<Fields, 'code' | 'message'>): boolean {
  return (
    unavailableStates.has(code) ||
    (code.length === 5 && unavailableClasses.has(code.slice(0, 2))) ||
    socketErrors.has(code) ||
    (code === '' && unavailableMessages.test(message))
  )
}

function meaningOf({ code, constraint, message }: Fields): string | undefined {
  switch (code) {
    case '23505':
    case '23514':
      return constraintTexts[constraint]
    case '23503':
      return message.startsWith('update or delete')
        ? 'It is still in use'
        : 'It refers to something that does not exist'
    case '22021':
    case '22P05':
      return 'A text contains characters that cannot be stored'
    case '22003':
    case '22008':
      return 'A number or a time is out of range'
    default:
      return undefined
  }
}

function text(error: Error, field: 'code' | 'constraint'): string {
  const value = (error as Partial<Record<typeof field, unknown>>)[field]
  return typeof value === 'string' ? value : ''
}
