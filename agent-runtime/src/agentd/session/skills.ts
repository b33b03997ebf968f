import { foldersDownTo } from '../context/memory/places.ts';
import { type Catalogue, loadCatalogue } from '../context/skills/catalogue.ts';
import { type SkillUse, skillUse, withGrants } from '../context/skills/grants.ts';
import { type Rendered, renderSkill, SkillFailure } from '../context/skills/render.ts';
import type { Skill } from '../context/skills/skill.ts';
import { sourceOf } from '../context/source.ts';
import { skillFolders } from '../context/told.ts';
import { decide, isAllowedByRule } from '../permissions/decide.ts';
import { bash } from '../tools/bash.ts';
import { failed, succeeded, type ToolContext, type ToolOutcome } from '../tools/tool.ts';
import { projectOf, scopeOf } from './scope.ts';
import type { RoundContext } from './tool-round.ts';

/** Names of a list that a sentence has room for. */
const maxNamed = 50;

export interface StartedSkill extends Rendered {
  use: SkillUse;
}

/** The skills and commands that this session can see: the user's, the project's, and those of where it has been and is. */
export async function catalogueOf(round: RoundContext): Promise<Catalogue> {
  const { cwd, home } = scopeOf(round);
  const project = projectOf(round);
  const folders = skillFolders(round.entries, project, home, foldersDownTo(cwd, home));
  return loadCatalogue(folders, project, sourceFor(round), await round.host.plugins.load(round.signal));
}

/**
 * Renders a skill for the one who starts it. A person vouches with `/name` for the tools that the file asks for; for the
 * model a rule `Skill(name)` of the workspace does, as the model may have written the file. Throws `SkillFailure`.
 * `beforeCommand` is called before the first command runs.
 */
export async function startSkill(
  skill: Skill,
  args: string,
  by: 'person' | 'model',
  round: RoundContext,
  context: ToolContext,
  beforeCommand: () => Promise<void> = async () => undefined,
): Promise<StartedSkill> {
  const scope = scopeOf(round);
  const variables = {
    CLAUDE_SESSION_ID: round.session,
    CLAUDE_PROJECT_DIR: projectOf(round),
    ...(round.effort !== undefined && { CLAUDE_EFFORT: round.effort }),
  };
  const access = { kind: 'skill', tool: 'Skill', skill: skill.name, args } as const;
  const trusted = by === 'person' || isAllowedByRule(access, round.permissions, scope);
  let announced: Promise<void> | undefined;
  const run = async (command: string, current: Skill): Promise<string> => {
    const permissions = withGrants(round.permissions, [{ skill: skillUse(current, trusted, variables) }]);
    if (decide({ kind: 'bash', command }, permissions, scope).verdict !== 'allow') {
      throw new SkillFailure(
        'CommandFailed',
        `${skill.name} did not run: no rule permits its command ${quoted(command)}. Nobody is asked about such commands: allow it in the rules of the workspace, or in allowed-tools of ${current.path}.`,
      );
    }
    announced ??= beforeCommand();
    await announced;
    const outcome = await bash.run({ command }, context);
    if (!outcome.isError) return outcome.content;
    throw new SkillFailure(
      'CommandFailed',
      `${skill.name} did not run, as its command ${quoted(command)} failed: ${outcome.content.slice(0, 4_000)}`,
    );
  };
  const setting = { source: sourceFor(round), cwd: scope.cwd, variables, run };
  const rendered = await renderSkill(skill, args, setting);
  return { ...rendered, use: skillUse(rendered.skill, trusted, variables) };
}

/** The outcome of the tool `Skill`. A skill with `context: fork` is the task of a subagent, whose report is the outcome. */
export async function startForModel(
  name: string,
  args: string,
  round: RoundContext,
  context: ToolContext,
): Promise<ToolOutcome> {
  const resumed = context.agents.resume();
  if (resumed !== undefined) return resumed;
  const { skills } = await catalogueOf(round);
  const skill = skills.get(name);
  if (skill === undefined) {
    const names = [...skills.values()].filter((it) => it.modelInvocable).map((it) => it.name);
    return failed(`There is no skill ${name}. There are: ${some(names)}.`);
  }
  if (!skill.modelInvocable) {
    return failed(
      `Only a person may start ${name}, with /${name}. Say so, and do not do what it does by another way.`,
    );
  }
  try {
    const started = await startSkill(skill, args, 'model', round, context);
    const instructions = `Folder of this skill: ${skill.folder}\n\n${started.text}`;
    // As the file is now: the list may have been read before it was changed.
    const agentType = started.skill.subagent;
    if (agentType === undefined) return succeeded(instructions, { skill: started.use });
    const access = { kind: 'agent', tool: 'Agent', agent: agentType } as const;
    const permission = decide(access, round.permissions, scopeOf(round));
    if (permission.verdict === 'deny') return failed(`Not permitted: ${permission.reason}.`);
    return await context.agents.start({
      agentType,
      description: `/${name}`,
      task: instructions,
      background: false,
      ignorable: false,
      worktree: false,
      skill: started.use,
      ...(started.use.model !== undefined && { model: started.use.model }),
      ...(started.use.effort !== undefined && { effort: started.use.effort }),
    });
  } catch (error) {
    if (error instanceof SkillFailure) return failed(error.message);
    throw error;
  }
}

/** What a person who calls a skill with `context: fork` has the model do, and what that grants: they vouch for its file. */
export function handedOver(name: string, args: string): Pick<StartedSkill, 'text' | 'use'> {
  const input = JSON.stringify({ skill: name, ...(args !== '' && { args }) });
  return {
    text: `This skill is the task of a subagent. Start it now, by the tool Skill with ${input}, and tell what it reports.`,
    use: { name, allow: [`Skill(${name})`], deny: [] },
  };
}

/** Up to fifty names, or that there are none. */
export function some(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = [...names].sort().slice(0, maxNamed).join(', ');
  return names.length > maxNamed ? `${shown} and ${names.length - maxNamed} more` : shown;
}

function sourceFor(round: RoundContext) {
  return sourceOf(round.host.client, round.permissions, scopeOf(round), round.signal);
}

function quoted(command: string): string {
  return `\`${command.length > 200 ? `${command.slice(0, 199)}…` : command}\``;
}
