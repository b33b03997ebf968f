import type { AgentMessage } from '@dormouse/crds';

/** The text of a message, or what the answer says that it is in place of one. */
export function whatItSays({ spec: { text, approval } }: AgentMessage): string {
  if (approval === undefined) return text ?? '';
  const decision = approval.decision === 'Allow' ? 'allows' : 'denies';
  return `${decision} ${approval.id}${approval.reason === undefined ? '' : `: ${approval.reason}`}`;
}
