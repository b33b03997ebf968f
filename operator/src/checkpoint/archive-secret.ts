import { archiveSecretEntries } from '@dormouse/agent-runtime/protocol';
import { type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import type { Desired, Secret } from '../kube/index.ts';
import { ownerReference } from '../workspace/pod.ts';

/** The Secret with the passwords of archives. It is mounted into what archives and restores, and into nothing else. */
export function archiveSecretName(workspace: string): string {
  return `${workspace}-archive`;
}

/** Immutable, so that one that somebody else made under the name is not taken over. */
const archiveSecretType = 'dormouse.dev/archive';

/** @param passwords of the workspace's own repository, and of the one that a fork comes from */
export function buildArchiveSecret(
  workspace: AgentWorkspace,
  passwords: { own: string; source?: string },
): Desired<Secret> {
  const { name, namespace } = workspace.metadata;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    metadata: {
      name: archiveSecretName(name),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [workspaceLabel]: name, 'app.kubernetes.io/name': 'dormouse' },
      ownerReferences: [ownerReference(workspace)],
    },
    type: archiveSecretType,
    data: {
      [archiveSecretEntries.own]: base64(passwords.own),
      ...(passwords.source === undefined ? {} : { [archiveSecretEntries.source]: base64(passwords.source) }),
    },
  };
}
