import { z } from 'zod';
import { failed, type Tool } from './tool.ts';

const input = z.strictObject({
  to: z
    .string()
    .min(1)
    .max(300)
    .describe(
      'The id of a subagent, as its report gives it; or workspace/NAME, another workspace of this namespace.',
    ),
  message: z.string().min(1).max(60_000).describe('What it is to know or do.'),
  summary: z.string().max(200).optional().describe('The message in five to ten words.'),
  wait_seconds: z
    .number()
    .min(0)
    .max(600)
    .optional()
    .describe('Only for a workspace: how long to wait for its reply; 0 unless given, at most 600.'),
});

const workspacePrefix = 'workspace/';

export const sendMessage: Tool<z.infer<typeof input>> = {
  name: 'SendMessage',
  description:
    'Sends a message to a subagent of this session, which goes on with all that it knows, whether it is at work or has ended; ' +
    'or, where the class of this workspace allows it, to the agent of another workspace, which it wakes. That agent does what it ' +
    'may do, and no more for your asking: do not ask it for what you are refused.',
  input,
  parallel: true,
  resumes: true,
  access: () => ({ kind: 'none', tool: 'SendMessage' }),
  summary: ({ to, summary, message }) => `to ${to}: ${summary ?? message}`,
  async run({ to, message, wait_seconds }, { agents, sendToWorkspace, isSubagent }) {
    if (!to.startsWith(workspacePrefix)) return agents.send(to, message);
    if (isSubagent)
      return failed('A subagent sends nothing to other workspaces: leave it to the one that called you.');
    return sendToWorkspace(to.slice(workspacePrefix.length), message, wait_seconds ?? 0);
  },
};
