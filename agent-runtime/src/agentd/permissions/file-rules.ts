import { posix } from 'node:path';
import { z } from 'zod';
import type { RuntimeConfig } from '../../protocol/config.ts';
import { listOfTexts } from '../settings/list-of-texts.ts';
import { parseRule, type Rule } from './rule.ts';

type Permissions = RuntimeConfig['permissions'];

/** Of one list of one file, so many rules count, each up to so many characters. */
const most = 128;
const longest = 512;

/**
 * `permissions` of a settings file, as far as it counts: the model can write such a file, so it may forbid and have asked, and permits
 * nothing (docs/decisions/0018). `allow`, `defaultMode` and `additionalDirectories` have no effect.
 */
export const filePermissions = z
  .looseObject({ deny: listOfTexts, ask: listOfTexts })
  .optional()
  .catch(undefined);

export interface RulesFile {
  /** Absolute, with `.claude` in it. */
  path: string;
  permissions?: z.infer<typeof filePermissions>;
}

/** The rules of the class with what settings files add to them. Rules that cannot be read are left out: {@link problemsOf} names them. */
export function withFileRules(permissions: Permissions, files: readonly RulesFile[]): Permissions {
  const added = (list: 'deny' | 'ask') =>
    files.flatMap(({ path, permissions: said }) =>
      (said?.[list] ?? []).slice(0, most).flatMap((text) => {
        const rule = readable(text);
        return rule === undefined ? [] : [anchored(rule, path)];
      }),
    );
  const deny = added('deny');
  const ask = added('ask');
  if (deny.length + ask.length === 0) return permissions;
  return { ...permissions, deny: [...permissions.deny, ...deny], ask: [...permissions.ask, ...ask] };
}

/** A sentence for each rule that does not count. */
export function problemsOf(files: readonly RulesFile[]): string[] {
  return files.flatMap(({ path, permissions: said }) =>
    (['deny', 'ask'] as const).flatMap((list) => {
      const texts = said?.[list] ?? [];
      const broken = texts.slice(0, most).filter((text) => readable(text) === undefined);
      return [
        ...broken.map((text) => `${path}: ${text.slice(0, 80)} is no rule.`),
        ...(texts.length > most ? [`${path}: of permissions.${list} the first ${most} count.`] : []),
      ];
    }),
  );
}

function readable(text: string): Rule | undefined {
  return text.length > longest ? undefined : parseRule(text);
}

/** `/x` in a file is below the folder that its `.claude` lies in. */
function anchored({ text, tool, spec }: Rule, path: string): string {
  const ofFiles = tool === 'Read' || tool === 'Edit';
  if (!ofFiles || spec === undefined || !/^\/(?!\/)/.test(spec)) return text;
  return `${tool}(/${posix.join(posix.dirname(posix.dirname(path)), spec)})`;
}
