/**
 * The admission policy that lets only those say of an AgentMessage which workspace sent it who know: the gateway, which asks the
 * workspace for the token of its pod (docs/decisions/0008, 0033).
 */
import { group, version } from './resource.ts';

const policyName = `senders.agentmessages.${group}`;

/** The ValidatingAdmissionPolicy and its binding. */
export function senderRightsPolicy(): object[] {
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: policyName },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [group],
              apiVersions: [version],
              // The spec of a message is immutable.
              operations: ['CREATE'],
              resources: ['agentmessages'],
            },
          ],
        },
        matchConditions: [{ name: 'of-a-workspace', expression: 'has(object.spec.sender)' }],
        validations: [
          {
            expression: `authorizer.group('${group}').resource('agentworkspaces').subresource('sender').namespace(request.namespace).name(object.spec.sender.workspace).check('speak').allowed()`,
            messageExpression: `'spec.sender: "' + request.userInfo.username + '" may not say that AgentWorkspace "' + object.spec.sender.workspace + '" sent this: the gateway writes that. Leave it out'`,
            reason: 'Forbidden',
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: policyName },
      spec: { policyName, validationActions: ['Deny'] },
    },
  ];
}
