import { z } from 'zod';
import type { Tool } from './tool.ts';

const input = z.strictObject({
  to: z.string().min(1).max(200).describe('The id of a subagent, as its report gives it.'),
  message: z.string().min(1).max(60_000).describe('What it is to know or do.'),
  summary: z.string().max(200).optional().describe('The message in five to ten words.'),
});

export const sendMessage: Tool<z.infer<typeof input>> = {
  name: 'SendMessage',
  description:
    'Sends a message to a subagent of this session, which goes on with all that it knows, whether it is at work or has ended.',
  input,
  parallel: true,
  resumes: true,
  access: () => ({ kind: 'none', tool: 'SendMessage' }),
  summary: ({ to, summary, message }) => `to ${to}: ${summary ?? message}`,
  run: ({ to, message }, { agents }) => agents.send(to, message),
};
