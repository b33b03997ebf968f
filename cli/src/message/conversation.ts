import type { AgentMessage } from '@dormouse/crds';
import { whatItSays } from './says.ts';

/** A message as it is read: how it stands, the text and the reply. */
export function conversation(message: AgentMessage): string {
  const { metadata, spec, status } = message;
  const why = [status?.reason, status?.message].filter(Boolean).join(': ');
  const lines = [
    `Message:  ${metadata.name}, session ${spec.session}${spec.from === undefined ? '' : `, from ${spec.from}`}`,
    `Phase:    ${status?.phase ?? 'Pending'}${why === '' ? '' : ` (${why})`}`,
    ...approvalLines(message).map((line) => `Waits:    ${line}`),
    '',
    whatItSays(message).trimEnd(),
  ];
  if (status?.reply !== undefined) {
    lines.push('', '── reply ──', status.reply.text.trimEnd(), ...whereTheWholeIs(message));
  }
  return `${lines.join('\n')}\n`;
}

/** One line for each tool call that waits for a person, and how to answer it. */
export function approvalLines({ spec, status }: AgentMessage): string[] {
  const answer = `dormouse approve ${spec.workspaceRef.name}`;
  return (status?.pendingApprovals ?? []).map(
    ({ id, tool, summary }) => `${tool} wants approval: ${summary} (${answer} ${id})`,
  );
}

/** Where to read a reply that was cut; nothing where it is whole. */
export function whereTheWholeIs({ metadata, spec, status }: AgentMessage): string[] {
  if (!status?.reply?.truncated) return [];
  const { session = spec.session, uuid = '' } = status.reply.transcript ?? {};
  const workspace = spec.workspaceRef.name;
  return [
    `The reply is cut at 16 KiB. The whole is entry ${uuid} of the transcript of session ${session}; while "${workspace}" is awake:`,
    `  kubectl exec --namespace ${metadata.namespace} ${workspace} --container workspace -- grep ${uuid} /var/lib/dormouse/transcripts/${session}.jsonl`,
  ];
}
