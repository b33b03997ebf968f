/**
 * The admission policy that lets only those fork from another namespace whom somebody there has given the right to: a fork has all files and
 * conversations of its origin (docs/decisions/0023). The API server asks its own authorizer, as it does for approvals.
 */
import { group, version } from './resource.ts';

const policyName = `forks.agentworkspaces.${group}`;

/** The ValidatingAdmissionPolicy and its binding. */
export function forkRightsPolicy(): object[] {
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
              // The source of a workspace is immutable.
              operations: ['CREATE'],
              resources: ['agentworkspaces'],
            },
          ],
        },
        matchConditions: [{ name: 'forks', expression: 'has(object.spec.source)' }],
        validations: [
          mayFork('checkpointRef', 'agentcheckpoints', 'AgentCheckpoint'),
          mayFork('workspaceRef', 'agentworkspaces', 'AgentWorkspace'),
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

function mayFork(field: string, resource: string, kind: string): object {
  const reference = `object.spec.source.${field}`;
  return {
    expression: [
      `!has(${reference})`,
      `!has(${reference}.namespace)`,
      `${reference}.namespace == request.namespace`,
      `authorizer.group('${group}').resource('${resource}').subresource('fork').namespace(${reference}.namespace).name(${reference}.name).check('fork').allowed()`,
    ].join(' || '),
    messageExpression: `'spec.source.${field}: "' + request.userInfo.username + '" may not fork ${kind} "' + ${reference}.name + '" of namespace "' + ${reference}.namespace + '": that takes the verb fork on ${resource}/fork in that namespace'`,
    reason: 'Forbidden',
  };
}
