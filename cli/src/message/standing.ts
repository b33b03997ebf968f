import type { AgentMessage } from '@dormouse/crds';
import { approvalLines } from './conversation.ts';

/** How a message stands, as told to the person who waits for its reply. */
export interface Standing {
  /** What is going on, in a few words. */
  doing: string;
  /** What the person should know because it may not pass by itself; each is told once. */
  notes: string[];
}

/** How a message stands that is neither completed nor failed. */
export function standing(message: AgentMessage): Standing {
  const { spec, status } = message;
  const workspace = spec.workspaceRef.name;
  const said = status?.message ?? '';
  switch (status?.reason) {
    case 'WorkspaceWaking':
      return { doing: `waking ${workspace}`, notes: [] };
    case 'WorkspaceAsleep':
      return {
        doing: `${workspace} is held asleep`,
        notes: [
          `"${workspace}" is held asleep by its runPolicy. The message waits until:  dormouse wake ${workspace}`,
        ],
      };
    case 'WorkspaceNotFound':
      return {
        doing: `${workspace} does not exist`,
        notes: [`"${workspace}" does not exist. The message waits for it.`],
      };
    case 'WorkspaceFailed':
      return {
        doing: `${workspace} cannot run`,
        notes: [`"${workspace}" cannot run: ${said}`, 'The message waits until that is mended.'],
      };
    case 'AgentRefused':
      return { doing: `${workspace} does not take it yet`, notes: [] };
    case 'Queued':
      return { doing: 'waiting for an earlier message of the session', notes: [] };
    case 'WaitingForApproval':
      return { doing: 'waiting for a person', notes: approvalLines(message) };
    case 'ModelUnauthorized':
      return {
        doing: 'waiting for the model',
        notes: [`The model's provider refuses the credential: ${said}`],
      };
    case 'ModelCredentialMissing':
      return { doing: 'waiting for the key of the model', notes: [said] };
    case 'ModelUnavailable':
      return { doing: 'waiting for the model', notes: [] };
  }
  if (status?.phase === 'Working') return { doing: 'working', notes: approvalLines(message) };
  return {
    doing: status?.phase === 'Delivered' ? `delivered to ${workspace}` : `sending to ${workspace}`,
    notes: [],
  };
}
