import { z } from 'zod';
import { failed, type Tool } from './tool.ts';

const input = z.strictObject({
  description: z.string().min(1).max(200).describe('What it is to do, in three to five words.'),
  prompt: z
    .string()
    .min(1)
    .max(60_000)
    .describe('The task, with all that it must know: it sees nothing of this conversation.'),
  subagent_type: z.string().min(1).max(200).optional().describe('Which one; general-purpose unless given.'),
  model: z.string().max(200).optional().describe('The name of a model; its own or yours unless given.'),
  run_in_background: z
    .boolean()
    .optional()
    .describe('Go on meanwhile; you are told of its report when it has ended.'),
  ignorable: z
    .boolean()
    .optional()
    .describe(
      'Only with run_in_background: the workspace may sleep meanwhile, and it goes on at the next wake.',
    ),
  isolation: z
    .enum(['worktree'])
    .optional()
    .describe('Give it a git worktree of its own, which is removed if it changes nothing there.'),
});

export const agent: Tool<z.infer<typeof input>> = {
  name: 'Agent',
  description:
    'Hands a piece of work to a subagent, which has a conversation of its own, and returns its report. Which there are stands in a ' +
    'system-reminder. Use one for work of many steps of which you need only the outcome, and several calls in one answer for ' +
    'pieces that do not depend on each other. A person does not see the report: tell them what matters of it.',
  input,
  parallel: true,
  resumes: true,
  access: ({ subagent_type }) => ({
    kind: 'agent',
    tool: 'Agent',
    agent: subagent_type ?? 'general-purpose',
  }),
  summary: ({ subagent_type, description }) => `${subagent_type ?? 'general-purpose'}: ${description}`,
  async run(call, { agents }) {
    if (call.ignorable === true && call.run_in_background !== true)
      return failed('ignorable is only for subagents with run_in_background: true.');
    return agents.start({
      agentType: call.subagent_type ?? 'general-purpose',
      description: call.description,
      task: call.prompt,
      background: call.run_in_background ?? false,
      ignorable: call.ignorable ?? false,
      worktree: call.isolation === 'worktree',
      ...(call.model !== undefined && { model: call.model }),
    });
  },
};
