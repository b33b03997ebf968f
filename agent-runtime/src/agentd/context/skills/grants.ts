import type { RuntimeConfig } from '../../../protocol/config.ts';
import type { Effort } from '../../model/effort.ts';
import { namedModel } from '../../model/named-model.ts';
import { parseRule } from '../../permissions/rule.ts';
import type { TranscriptEntry } from '../../session/entry.ts';
import { substitute } from './arguments.ts';
import { type Skill, variablesIn } from './skill.ts';

type Permissions = RuntimeConfig['permissions'];
export type SkillUse = NonNullable<TranscriptEntry['skill']>;

/**
 * What an entry says of a skill that was started. `trusted`: whoever started it vouches for the tools that it asks for. A tool
 * that it wants to be without is taken from it either way.
 */
export function skillUse(
  skill: Skill,
  trusted: boolean,
  variables: Readonly<Record<string, string>>,
): SkillUse {
  const to = {
    args: '',
    argumentNames: [],
    variables: variablesIn(skill, variables),
  };
  const rules = (texts: readonly string[]) =>
    texts
      .map((text) => substitute(text, to).text)
      // One that cannot be read would deny everything; and no file grants every tool at once.
      .filter((text) => (parseRule(text)?.tool ?? '*') !== '*');
  return {
    name: skill.name,
    allow: trusted ? rules(skill.allowedTools) : [],
    deny: rules(skill.disallowedTools),
    ...(skill.model !== undefined && { model: skill.model }),
    ...(skill.effort !== undefined && { effort: skill.effort }),
    ...(skill.hooks !== undefined && { hooks: { path: skill.path, value: { ...skill.hooks } } }),
  };
}

/** The model that the newest of these skills asks for; `usual` where none does. */
export function modelFor(turn: readonly Pick<TranscriptEntry, 'skill'>[], usual: string): string {
  return namedModel(turn.findLast(({ skill }) => skill?.model !== undefined)?.skill?.model, usual);
}

/** The same for its effort. */
export function effortFor(
  turn: readonly Pick<TranscriptEntry, 'skill'>[],
  usual: Effort | undefined,
): Effort | undefined {
  return turn.findLast(({ skill }) => skill?.effort !== undefined)?.skill?.effort ?? usual;
}

/** The rules of the workspace with what the skills of one turn add to them. A deny rule wins, wherever it comes from. */
export function withGrants(
  permissions: Permissions,
  turn: readonly Pick<TranscriptEntry, 'skill'>[],
): Permissions {
  const uses = turn.flatMap((entry) => entry.skill ?? []);
  if (uses.length === 0) return permissions;
  return {
    ...permissions,
    allow: [...permissions.allow, ...uses.flatMap((use) => use.allow)],
    deny: [...permissions.deny, ...uses.flatMap((use) => use.deny)],
  };
}
