import { z } from 'zod';
import type { Tool } from './tool.ts';

const input = z.strictObject({
  skill: z.string().min(1).max(512).describe('Its name, as it is listed.'),
  args: z.string().max(65_536).optional().describe('What to hand over to it.'),
});

export const skill: Tool<z.infer<typeof input>> = {
  name: 'Skill',
  description:
    'Starts a skill of this workspace and returns its instructions, which you then follow. The skills that there are stand in a ' +
    'system-reminder, each with what it is for. Start one that fits before you do the work by yourself. A person starts one by ' +
    '/NAME at the beginning of a message: its instructions are then already there.',
  input,
  parallel: false,
  access: ({ skill: name, args }) => ({
    kind: 'skill',
    tool: 'Skill',
    skill: called(name),
    args: args ?? '',
  }),
  summary: ({ skill: name, args }) => `${called(name)} ${args ?? ''}`.trim(),
  run: ({ skill: name, args }, context) => context.startSkill(called(name), args ?? ''),
};

/** Without the slash that people write before it. */
function called(name: string): string {
  return name.trim().replace(/^\//, '');
}
