import type { AgentMessage, Usage } from '@dormouse/crds';

/** Tokens of all messages to one workspace that are still there. */
export interface WorkspaceUsage extends Usage {
  namespace: string;
  workspace: string;
  messages: number;
}

/** Sums the usage of messages by their workspace, in the order of their names. */
export function sumUsage(messages: readonly AgentMessage[]): WorkspaceUsage[] {
  const sums = new Map<string, WorkspaceUsage>();
  for (const { metadata, spec, status } of messages) {
    const { namespace = '' } = metadata;
    const workspace = spec.workspaceRef.name;
    const key = `${namespace}/${workspace}`;
    const sum = sums.get(key) ?? { namespace, workspace, messages: 0, ...none };
    sums.set(key, sum);
    sum.messages += 1;
    for (const kind of tokenKinds) sum[kind] += status?.usage?.[kind] ?? 0;
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

const none: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
const tokenKinds = Object.keys(none) as (keyof Usage)[];
