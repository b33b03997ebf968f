import { posix } from 'node:path';
import { SkillFailure } from '../context/skills/render.ts';
import type { Skill } from '../context/skills/skill.ts';
import { isInside } from '../permissions/path-pattern.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { initPrompt } from './init-command.ts';
import { catalogueOf, handedOver, type StartedSkill, some, startSkill } from './skills.ts';
import { type RoundContext, toolContextOf } from './tool-round.ts';

/** A command that a message begins with: `/name args`. */
export interface CommandCall {
  name: string;
  args: string;
}

/** Undefined for a message that is none: only its first character may be the slash. */
export function commandOf(text: string): CommandCall | undefined {
  const match = /^\/(\S+)(?:\s+([\s\S]*))?$/.exec(text);
  return match?.[1] === undefined ? undefined : { name: match[1], args: (match[2] ?? '').trim() };
}

/** Commands that are there without a file. */
const builtIn = ['/compact', '/init', '/loop'];

/** What a command is about to become, and where that comes from. */
export interface Expansion {
  type: 'slash_command' | 'mcp_prompt';
  source: 'plugin' | 'user' | 'project' | 'mcp' | 'builtin';
}

function placeOf({ path, variables }: Skill, home: string): Expansion['source'] {
  if (Object.keys(variables).length > 0) return 'plugin';
  return isInside(path, posix.join(home, '.claude')) ? 'user' : 'project';
}

/**
 * Starts the skill or command that a message names. Undefined where it names a path (`/etc/hosts is …`), which is text. Throws
 * `SkillFailure` with what the sender is told. Its commands run once: after a crash nobody knows how far they came.
 */
export async function startCommand(
  call: CommandCall,
  messageKey: string,
  round: RoundContext,
  /** Called before a command becomes the text of a skill, or the prompt of a server. */
  beforeExpansion: (of: Expansion) => Promise<void>,
): Promise<Pick<StartedSkill, 'text' | 'use'> | undefined> {
  const { logs, host, signal } = round;
  const id = `command-${messageKey}`;
  if (logs.ledger.startedTools.has(id)) {
    throw new SkillFailure(
      'CommandFailed',
      `The workspace restarted while commands of /${call.name} ran: they may or may not have taken effect, and were not run again. Look at what they left behind before you send it again.`,
    );
  }
  const beforeCommand = async () => {
    const record = { type: 'tool' as const, toolUseId: id, at: new Date().toISOString() };
    await host.health.insist(signal, () => logs.appendRecords(record));
  };
  try {
    if (call.name.startsWith('mcp__')) await beforeExpansion({ type: 'mcp_prompt', source: 'mcp' });
    const prompt = await host.mcp.prompt(call.name, call.args, signal);
    if (prompt !== undefined) return { text: prompt, use: { name: call.name, allow: [], deny: [] } };
    const { skills } = await catalogueOf(round);
    const skill = skills.get(call.name);
    if (skill === undefined && call.name.includes('/')) return undefined;
    // A file with this name comes first.
    if (skill === undefined && call.name === 'init') {
      await beforeExpansion({ type: 'slash_command', source: 'builtin' });
      return { text: initPrompt(call.args), use: { name: 'init', allow: [], deny: [] } };
    }
    if (skill?.userInvocable !== true) {
      const ofFiles = [...skills.values()].filter((it) => it.userInvocable).map((it) => `/${it.name}`);
      const names = [...new Set([...ofFiles, ...builtIn])];
      const why =
        skill === undefined ? `There is no command /${call.name}` : `/${call.name} is for the agent alone`;
      throw new SkillFailure(
        'UnknownCommand',
        `${why}. There are: ${some(names)}. A text that begins with a slash and is no command needs a space before it.`,
      );
    }
    await beforeExpansion({ type: 'slash_command', source: placeOf(skill, host.home) });
    if (skill.subagent !== undefined) return handedOver(skill.name, call.args);
    return await startSkill(skill, call.args, 'person', round, toolContextOf(round, id), beforeCommand);
  } catch (error) {
    if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
    throw new SkillFailure('CommandFailed', `/${call.name} did not run: ${error.message}. Send it again.`);
  }
}
