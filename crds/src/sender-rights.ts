/**
 * The admission policy that lets only those say of an AgentMessage which workspace sent it who know: the gateway, which asks the
 * workspace for the token of its pod (docs/decisions/0008, 0033).
 */
import { group } from './resource.ts';
import { rightsPolicy } from './rights-policy.ts';

/** The ValidatingAdmissionPolicy and its binding. */
export function senderRightsPolicy(): object[] {
  return rightsPolicy({
    name: `senders.agentmessages.${group}`,
    resource: 'agentmessages',
    when: { name: 'of-a-workspace', expression: 'has(object.spec.sender)' },
    validations: [
      {
        expression: `authorizer.group('${group}').resource('agentworkspaces').subresource('sender').namespace(request.namespace).name(object.spec.sender.workspace).check('speak').allowed()`,
        messageExpression: `'spec.sender: "' + request.userInfo.username + '" may not say that AgentWorkspace "' + object.spec.sender.workspace + '" sent this: the gateway writes that. Leave it out'`,
        reason: 'Forbidden',
      },
    ],
  });
}
