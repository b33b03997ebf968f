import { posix } from 'node:path';
import type { CollectRequest, CollectResult } from '../../../protocol/tools-api.ts';
import type { ContextSource } from '../source.ts';
import { parseSkill, type Skill } from './skill.ts';

/** What is read of each file for the list: its frontmatter, and a first paragraph. */
const maxListedBytes = 16 * 1024;
/** How deep commands may lie in `.claude/commands`. */
const commandsDepth = 8;

export interface Catalogue {
  /** By what they are called. */
  skills: ReadonlyMap<string, Skill>;
  problems: string[];
}

/**
 * The skills and commands of these folders. Of two with one name the one of the earlier folder has it, and a skill before a
 * command; the later one is then called `FOLDER:NAME`, its folder as seen from `project`. One round trip.
 */
export async function loadCatalogue(
  folders: readonly string[],
  project: string,
  source: ContextSource,
): Promise<Catalogue> {
  const found = await source.collect({
    files: [],
    folders: folders.flatMap(placesOf),
    maxFileBytes: maxListedBytes,
  });
  const skills = new Map<string, Skill>();
  const problems: string[] = problemsOf(found);
  const known = new Set<string>();
  for (const folder of folders) {
    for (const { name, file } of filesOf(folder, found)) {
      if (known.has(file.realPath)) continue;
      known.add(file.realPath);
      const qualified = `${posix.relative(project, folder) || posix.basename(folder)}:${name}`;
      const free = skills.has(name) ? qualified : name;
      if (/\s/.test(name))
        problems.push(`${file.path}: nobody can call it, as there is a space in its name.`);
      if (/\s/.test(name) || skills.has(free)) continue;
      const base = folder === source.home ? project : folder;
      const skill = await parseSkill(free, file, base);
      problems.push(...skill.problems);
      skills.set(free, skill);
    }
  }
  return { skills, problems };
}

function placesOf(folder: string): CollectRequest['folders'] {
  return [
    { path: skillsFolder(folder), name: 'SKILL.md', depth: 2 },
    { path: commandsFolder(folder), name: '*.md', depth: commandsDepth },
  ];
}

const skillsFolder = (folder: string) => posix.join(folder, '.claude/skills');
const commandsFolder = (folder: string) => posix.join(folder, '.claude/commands');

function filesOf(
  folder: string,
  { files }: CollectResult,
): { name: string; file: CollectResult['files'][number] }[] {
  const below = (top: string) =>
    files.flatMap((file) => {
      const path = posix.relative(top, file.path);
      return path.startsWith('../') ? [] : [{ path, file }];
    });
  return [
    // A SKILL.md that lies in no folder of its own has no name.
    ...below(skillsFolder(folder)).flatMap(({ path, file }) =>
      path.includes('/') ? [{ name: posix.dirname(path), file }] : [],
    ),
    ...below(commandsFolder(folder)).map(({ path, file }) => ({
      name: path.slice(0, -'.md'.length).replaceAll('/', ':'),
      file,
    })),
  ];
}

function problemsOf({ problems, truncated }: CollectResult): string[] {
  const sentences = problems
    .filter(({ code }) => code !== 'outside_home')
    .map(({ path, message }) => (message.includes(path) ? message : `${path}: ${message}`));
  return truncated ? [...sentences, 'There are more skills and commands than are read.'] : sentences;
}
