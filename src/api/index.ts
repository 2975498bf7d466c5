import type { Method } from '../rpc/method.ts'
import { auditMethods } from './audit.ts'
import { edgeMethods } from './edge.ts'
import { edgeDeviceMethods } from './edge-device.ts'
import { edgeRpcMethods } from './edge-rpc.ts'
import { operatorMethods } from './operator.ts'
import { sessionMethods } from './session.ts'
import { userMethods } from './user.ts'

/** Every method of the service. Dispatch, the API document and the contract tests are derived from this list. */
export const allMethods: readonly Method[] = [
  ...sessionMethods,
  ...userMethods,
  ...edgeMethods,
  ...edgeRpcMethods,
  ...edgeDeviceMethods,
  ...operatorMethods,
  ...auditMethods,
]
