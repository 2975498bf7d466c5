import { accountMethods } from './account.ts'
import { accountInvitationMethods } from './account-invitation.ts'
import { alertingMethods } from './alerting.ts'
import { auditMethods } from './audit.ts'
import { backendMethods } from './backend.ts'
import { backendSignInMethods } from './backend-sign-in.ts'
import { capMethods } from './cap.ts'
import { decisionMethods } from './decision.ts'
import { edgeMethods } from './edge.ts'
import { edgeDeviceMethods } from './edge-device.ts'
import { edgeManagerMethods } from './edge-manager.ts'
import { edgeRecordMethods } from './edge-record.ts'
import { edgeReportMethods } from './edge-report.ts'
import { edgeRpcMethods } from './edge-rpc.ts'
import { explainMethods } from './explain.ts'
import { explainChangeMethods } from './explain-change.ts'
import { grantMethods } from './grant.ts'
import { groupMethods } from './group.ts'
import { handOverMethods } from './hand-over.ts'
import { impersonationMethods } from './impersonation.ts'
import { importMethods } from './import.ts'
import { invitationMethods } from './invitation.ts'
import { managedMemberMethods } from './managed-member.ts'
import { exportMethods } from './master-data.ts'
import { metadataEdgeMethods } from './metadata-edges.ts'
import { metadataUserMethods } from './metadata-users.ts'
import { mirrorMethods } from './mirror.ts'
import { operatorMethods } from './operator.ts'
import { organisationMethods } from './organisation.ts'
import { roleMethods } from './role.ts'
import { serviceTokenMethods } from './service-token.ts'
import { sessionMethods } from './session.ts'
import { setupProtocolMethods } from './setup-protocol.ts'
import { siteMethods } from './site.ts'
import { summaryMethods } from './summary.ts'
import { userMethods } from './user.ts'

/**
 * Every method of the service. Dispatch, the API document, the types of the client library and the contract tests are
 * derived from this list.
 */
export const allMethods = [
  ...sessionMethods,
  ...userMethods,
  ...alertingMethods,
  ...edgeMethods,
  ...edgeRpcMethods,
  ...backendMethods,
  ...edgeDeviceMethods,
  ...edgeManagerMethods,
  ...operatorMethods,
  ...edgeRecordMethods,
  ...serviceTokenMethods,
  ...organisationMethods,
  ...siteMethods,
  ...groupMethods,
  ...grantMethods,
  ...exportMethods,
  ...roleMethods,
  ...accountMethods,
  ...impersonationMethods,
  ...invitationMethods,
  ...accountInvitationMethods,
  ...managedMemberMethods,
  ...explainMethods,
  ...explainChangeMethods,
  ...capMethods,
  ...decisionMethods,
  ...summaryMethods,
  ...handOverMethods,
  ...auditMethods,
  ...importMethods,
  ...setupProtocolMethods,
  ...backendSignInMethods,
  ...metadataUserMethods,
  ...metadataEdgeMethods,
  ...mirrorMethods,
  ...edgeReportMethods,
]
