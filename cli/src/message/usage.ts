import type { AgentMessage, AgentWorkspace, Usage } from '@dormouse/crds';

/** Tokens of all messages to one workspace that are still there, and what it used today. */
export interface WorkspaceUsage extends Usage {
  namespace: string;
  workspace: string;
  messages: number;
  /** Tokens of all calls of the UTC day, as the gateway last said. Absent: the workspace does not exist any more. */
  today?: number;
  /** The most that they may be, as the gateway last said. Absent: no limit, or no call yet. */
  limit?: number;
}

/**
 * Sums the usage of messages by their workspace, in the order of their names. Workspaces without a message are among them where they
 * used something today, a UTC day such as `2026-11-23`.
 */
export function sumUsage(
  messages: readonly AgentMessage[],
  workspaces: readonly AgentWorkspace[],
  today: string,
): WorkspaceUsage[] {
  const sums = new Map<string, WorkspaceUsage>();
  const sumOf = (namespace: string, workspace: string) => {
    const key = `${namespace}/${workspace}`;
    const sum = sums.get(key) ?? { namespace, workspace, messages: 0, ...none };
    sums.set(key, sum);
    return sum;
  };
  for (const { metadata, spec, status } of messages) {
    const sum = sumOf(metadata.namespace ?? '', spec.workspaceRef.name);
    sum.messages += 1;
    for (const kind of tokenKinds) sum[kind] += status?.usage?.[kind] ?? 0;
  }
  for (const { metadata, status } of workspaces) {
    const { namespace = '', name } = metadata;
    const usage = status?.usage;
    const used = usage?.day === today ? usage.tokens : 0;
    if (used === 0 && !sums.has(`${namespace}/${name}`)) continue;
    const sum = sumOf(namespace, name);
    sum.today = used;
    if (usage?.limit !== undefined) sum.limit = usage.limit;
  }
  return [...sums.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}

const none: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
const tokenKinds = Object.keys(none) as (keyof Usage)[];
