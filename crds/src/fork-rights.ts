/**
 * The admission policy that lets only those fork from another namespace whom somebody there has given the right to: a fork has all files and
 * conversations of its origin (docs/decisions/0023). The API server asks its own authorizer, as it does for approvals.
 */
import { group } from './resource.ts';
import { rightsPolicy } from './rights-policy.ts';

/** The ValidatingAdmissionPolicy and its binding. */
export function forkRightsPolicy(): object[] {
  return rightsPolicy({
    name: `forks.agentworkspaces.${group}`,
    resource: 'agentworkspaces',
    when: { name: 'forks', expression: 'has(object.spec.source)' },
    validations: [
      mayFork('checkpointRef', 'agentcheckpoints', 'AgentCheckpoint'),
      mayFork('workspaceRef', 'agentworkspaces', 'AgentWorkspace'),
    ],
  });
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
