import { posix } from 'node:path';
import { z } from 'zod';
import type { AutoMemory } from './auto-memory.ts';

/** Where a subagent keeps its notes: for all projects, with the project, or with it but in no repository. */
export const memoryScope = z.enum(['user', 'project', 'local'], 'must be user, project or local');
export type MemoryScope = z.infer<typeof memoryScope>;

/** The memory that a subagent has, as it was when it began. */
export const ownMemory = z.object({ scope: memoryScope, folder: z.string() });
export type OwnMemory = z.infer<typeof ownMemory>;

const folders: Record<MemoryScope, string> = {
  user: '.claude/agent-memory',
  project: '.claude/agent-memory',
  local: '.claude/agent-memory-local',
};
const shared: Record<MemoryScope, string> = {
  user: 'It is the same in every project.',
  project: 'It belongs to the project, and whoever works on that may read it in its repository.',
  local: 'It is about this project, and is to stay out of its repository.',
};

/** The memory of a subagent. Its project is the folder in whose `.claude/agents` its file lies; for one of a plugin, `PLUGIN:NAME`, the home. */
export function ownMemoryOf(
  scope: MemoryScope,
  { name, path = '' }: { name: string; path?: string },
  home: string,
): OwnMemory {
  const project = name.includes(':') ? undefined : /^(.*?)\/\.claude\/agents\//.exec(path)?.[1];
  const base = scope === 'user' ? home : (project ?? home);
  return { scope, folder: posix.join(base, folders[scope], name.replaceAll(':', '-')) };
}

export function agentMemory({ scope, folder }: OwnMemory): AutoMemory {
  return {
    folder,
    // A rule is a pattern: with such a name it would speak of other folders, too.
    usual: !/[*?[\]{}\\]/.test(folder),
    shownTo: `${shared[scope]} Every later task of yours`,
    keeps:
      'what makes the next task of your kind easier and cannot be found out from the files or from CLAUDE.md: how the person wants such work done and what they put right (type: feedback), where things are and what recurs (type: reference), decisions and work under way (type: project).',
  };
}
