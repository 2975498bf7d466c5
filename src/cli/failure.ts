import { CommanderError } from 'commander'
import { ServiceError } from '../client/service-error.ts'
import { ConfigError } from '../config.ts'
import { AppError, errorKinds } from '../errors.ts'

/** Says what went wrong, for people or as JSON, and returns the exit code. Only what nobody expected shows a stack. */
export function explainFailure(error: unknown, json: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof ServiceError) return say(json, withHint(error), error.code, 1)
  if (error instanceof AppError) return say(json, withCause(error), undefined, 1)
  if (error instanceof ConfigError) return say(json, error.message, undefined, 2)
  if (error instanceof Error && 'code' in error) return say(json, systemText(error), undefined, 1)
  return say(json, error instanceof Error ? (error.stack ?? error.message) : String(error), undefined, 1)
}

/** Nothing tells apart what is unknown and what is invisible; whoever types names has most often mistyped one. */
function withHint({ code, message }: ServiceError): string {
  if (code === errorKinds.forbidden.code) return `There is no such thing, or you may not do this with it. (${message})`
  if (code === errorKinds.unknownMethod.code) return `${message}: "ems-metadata api-docs" lists the methods.`
  return message
}

function withCause(error: AppError): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}

function systemText(error: Error & { code?: unknown; port?: unknown; address?: unknown }): string {
  if (error.code === 'EADDRINUSE')
    return `Port ${error.port ?? error.address} is in use: stop what uses it, or choose another (EMS_EDGE_PORT, EMS_UI_PORT, EMS_HTTP_PORT, EMS_BACKEND_PORT, EMS_REST_PORT).`
  if (error.code === 'ECONNREFUSED')
    return `${error.message}: nobody listens there. Is the service running, and the address right?`
  if (error.code === 'EACCES') return `${error.message}: no permission for this.`
  return error.message
}

function say(json: boolean, message: string, code: number | undefined, exitCode: number): number {
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { message, ...(code === undefined ? {} : { code }) } })}\n`
      : `ems-metadata: ${message}\n`,
  )
  return exitCode
}
