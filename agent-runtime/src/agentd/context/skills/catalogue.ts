import { posix } from 'node:path';
import type { CollectRequest, CollectResult } from '../../../protocol/tools-api.ts';
import type { Plugin } from '../../plugins/plugin.ts';
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
 * The skills and commands of these folders, and those of plugins as `PLUGIN:NAME`. Of two with one name the one of the earlier folder has it, and a skill before a
 * command; the later one is then called `FOLDER:NAME`, its folder as seen from `project`. One round trip.
 */
export async function loadCatalogue(
  folders: readonly string[],
  project: string,
  source: ContextSource,
  plugins: readonly Plugin[] = [],
): Promise<Catalogue> {
  const found = await source.collect({
    files: plugins.flatMap(({ places }) => places.commands.filter(isFile)),
    folders: [...folders.flatMap(placesOf), ...plugins.flatMap(placesOfPlugin)],
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
  for (const plugin of plugins) {
    for (const { name, file } of filesOfPlugin(plugin, found)) {
      const whole = `${plugin.name}:${name}`;
      if (skills.has(whole)) continue;
      const skill = { ...(await parseSkill(whole, file, project)), variables: plugin.variables };
      problems.push(...skill.problems);
      skills.set(whole, skill);
    }
  }
  return { skills, problems };
}

const isFile = (path: string) => path.endsWith('.md');

function placesOfPlugin({ places }: Plugin): CollectRequest['folders'] {
  return [
    ...places.skills.map((path) => ({ path, name: 'SKILL.md', depth: 2 })),
    ...places.commands
      .filter((path) => !isFile(path))
      .map((path) => ({ path, name: '*.md', depth: commandsDepth })),
  ];
}

/** By their names in the plugin. A folder of `skills` may itself be a skill. */
function filesOfPlugin(
  { places }: Plugin,
  { files }: CollectResult,
): { name: string; file: CollectResult['files'][number] }[] {
  const below = (top: string) =>
    files.flatMap((file) => {
      const path = posix.relative(top, file.path);
      return path.startsWith('../') || path === '' ? [] : [{ path, file }];
    });
  return [
    ...places.skills.flatMap((top) =>
      below(top)
        .filter(({ path }) => posix.basename(path) === 'SKILL.md')
        .map(({ path, file }) => ({
          name: path.includes('/') ? posix.dirname(path) : posix.basename(top),
          file,
        })),
    ),
    ...places.commands.flatMap((top) =>
      isFile(top)
        ? files.filter(({ path }) => path === top).map((file) => ({ name: posix.basename(top, '.md'), file }))
        : below(top)
            .filter(({ path }) => isFile(path))
            .map(({ path, file }) => ({ name: path.slice(0, -'.md'.length).replaceAll('/', ':'), file })),
    ),
  ];
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
