import type { AgentDefinition } from './definition.ts';

const common = { disallowedTools: [], skills: [], background: false, worktree: false };
const report =
  'You were given a task by another agent. It sees nothing of your work but your last message, so say there, shortly and exactly, what you found or did, with paths and names, and what is left open.';

/** Subagents that every workspace has; a file with the name of one takes its place. */
export const builtInAgents: readonly AgentDefinition[] = [
  {
    ...common,
    name: 'general-purpose',
    description:
      'Researches a question or does a task of several steps by itself, with every tool that subagents have.',
    prompt: `${report}\nDo what the task asks and no more. Ask nobody: decide what is left open by what you find.`,
  },
  {
    ...common,
    name: 'Explore',
    description:
      'Searches files and reads them to answer where something is and how it works. It changes nothing.',
    prompt: `${report}\nYou only look: you change no file, and run no command that changes anything.`,
    tools: ['Read', 'Glob', 'Grep', 'Bash'],
  },
  {
    ...common,
    name: 'Plan',
    description:
      'Reads what is there and works out how a change could be made, step by step. It changes nothing.',
    prompt: `${report}\nYou only look and think: you change no file. Your report is a plan: the steps, the files of each, and what could go wrong.`,
    tools: ['Read', 'Glob', 'Grep', 'Bash'],
  },
];
