/**
 * The admission policy that lets only those answer an agent's question by an AgentMessage who may approve: to create messages is
 * a right to talk to an agent, and no right to permit what it asks for (docs/decisions/0008, 0028). The API server asks its own
 * authorizer, as the gateway does for its route, so both ways need the same right.
 */
import { group } from './resource.ts';
import { rightsPolicy } from './rights-policy.ts';

/** The ValidatingAdmissionPolicy and its binding. */
export function approvalRightsPolicy(): object[] {
  return rightsPolicy({
    name: `approvals.agentmessages.${group}`,
    resource: 'agentmessages',
    when: { name: 'answers', expression: 'has(object.spec.approval)' },
    validations: [
      {
        expression: `authorizer.group('${group}').resource('agentworkspaces').subresource('approve').namespace(request.namespace).name(object.spec.workspaceRef.name).check('approve').allowed()`,
        messageExpression: `'spec.approval: "' + request.userInfo.username + '" may not approve tool calls of AgentWorkspace "' + object.spec.workspaceRef.name + '": that takes the verb approve on agentworkspaces/approve, as the ClusterRole dormouse-approver has it'`,
        reason: 'Forbidden',
      },
    ],
  });
}
