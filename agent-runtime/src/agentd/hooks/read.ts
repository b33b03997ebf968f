import { createHash } from 'node:crypto';
import { z } from 'zod';
import { lineOf } from '../settings/json.ts';
import { type Hook, type HookAction, type HookEvent, hookEvents } from './hook.ts';

/** Hooks of one file; more are no configuration of anything. */
const maxHooks = 200;
const maxText = 64 * 1024;
const defaultMs = 600_000;
const shortMs = 30_000;
const agentMs = 60_000;

const text = z.string().min(1).max(maxText);
const every = {
  timeout: z.number().positive().max(600).optional(),
  if: text.optional(),
  async: z.boolean().optional(),
  asyncRewake: z.boolean().optional(),
  once: z.boolean().optional(),
  /** Ours: `closed` refuses what the hook guards when it fails. */
  onFailure: z.enum(['open', 'closed']).optional(),
};
const question = { prompt: text, model: z.string().optional() };
const definition = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('command'),
    command: text,
    args: z.array(z.string().max(maxText)).max(200).optional(),
    ...every,
  }),
  z.looseObject({
    type: z.literal('http'),
    url: z.url({ protocol: /^https?$/ }),
    headers: z.record(z.string(), z.string()).optional(),
    allowedEnvVars: z.array(z.string()).optional(),
    ...every,
  }),
  z.looseObject({
    type: z.literal('mcp_tool'),
    server: text,
    tool: text,
    input: z.record(z.string(), z.unknown()).optional(),
    ...every,
  }),
  z.looseObject({ type: z.literal('prompt'), ...question, ...every }),
  z.looseObject({ type: z.literal('agent'), ...question, ...every }),
]);
const group = z.looseObject({
  matcher: z.string().max(2000).optional(),
  hooks: z.array(z.unknown()).max(maxHooks),
});

/** Where hooks come from, and what that gives them. */
export interface HookFile {
  path: string;
  /** The whole file, to find lines in. */
  text: string;
  /** The way to `value` in it. */
  at: readonly string[];
  env: Record<string, string>;
  failClosed: boolean;
  mayAllow: boolean;
  /** Whether `once` counts: it does in skills. */
  once: boolean;
}

/** Reads a `hooks` key. What is broken is left out and named, with its file and line; the rest counts. */
export async function readHooks(
  value: unknown,
  file: HookFile,
): Promise<{ hooks: Hook[]; problems: string[] }> {
  const hooks: Hook[] = [];
  const problems: string[] = [];
  const wrong = async (path: readonly PropertyKey[], why: string) => {
    problems.push(`${file.path}:${await lineOf(file.text, [...file.at, ...path])}: ${why}.`);
  };
  if (value === undefined || value === null) return { hooks, problems };
  const events = z.record(z.string(), z.unknown()).safeParse(value);
  if (!events.success) {
    await wrong([], 'hooks must be an object of events');
    return { hooks, problems };
  }
  for (const [event, groups] of Object.entries(events.data)) {
    if (!isEvent(event)) {
      await wrong([event], `there is no event ${event} here, so its hooks never run`);
      continue;
    }
    for (const [index, one] of (Array.isArray(groups) ? groups : [groups]).entries()) {
      const parsed = group.safeParse(one);
      if (!parsed.success) {
        await wrong([event, index], `${event}: ${issue(parsed.error)}`);
        continue;
      }
      const { matcher } = parsed.data;
      if (!isMatcher(matcher)) {
        await wrong([event, index, 'matcher'], `${event}: the matcher is no regular expression`);
        continue;
      }
      for (const [at, each] of parsed.data.hooks.entries()) {
        const found = definition.safeParse(each);
        if (found.success) hooks.push(hookOf(event, matcher, found.data, file));
        else await wrong([event, index, 'hooks', at], `${event}: ${issue(found.error)}`);
      }
    }
  }
  return { hooks: hooks.slice(0, maxHooks), problems };
}

function hookOf(
  event: HookEvent,
  matcher: string | undefined,
  given: z.infer<typeof definition>,
  file: HookFile,
): Hook {
  const action = actionOf(given, file);
  const short = given.type === 'prompt' || event === 'UserPromptSubmit';
  const usualMs = given.type === 'agent' ? agentMs : short ? shortMs : defaultMs;
  return {
    event,
    matcher,
    condition: given.if,
    action,
    timeoutMs: given.timeout === undefined ? usualMs : Math.ceil(given.timeout * 1000),
    failClosed: file.failClosed || given.onFailure === 'closed',
    async: (given.async === true || given.asyncRewake === true) && given.type === 'command',
    mayAllow: file.mayAllow,
    managed: false,
    ...(file.once && given.once === true && { once: nameOf([file.path, event, matcher, given.if, action]) }),
    env: file.env,
    source: file.path,
  };
}

/** A hook is the same one for as long as nobody changes what it does. */
function nameOf(hook: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(hook)).digest('hex').slice(0, 32);
}

function actionOf(given: z.infer<typeof definition>, { env }: HookFile): HookAction {
  if (given.type === 'http') {
    const { type, url, headers = {}, allowedEnvVars = [] } = given;
    return { type, url, headers, allowedEnvVars };
  }
  if (given.type === 'mcp_tool') {
    const { type, server, tool, input = {} } = given;
    // As the reference calls those of plugins; here they are called as their tools are.
    return { type, server: server.replace(/^plugin:([^:]+):/, 'plugin_$1_'), tool, input };
  }
  if (given.type === 'prompt' || given.type === 'agent') {
    const { type, prompt, model } = given;
    return { type, prompt, ...(model !== undefined && { model }) };
  }
  if (given.args === undefined) return { type: 'command', command: given.command };
  // A program and its arguments: no shell reads them, so nobody else fills these in.
  const words = [given.command, ...given.args].map((word) =>
    word.replace(/\$\{(CLAUDE_\w+)\}/g, (whole, name: string) => env[name] ?? whole),
  );
  return { type: 'command', command: `exec ${words.map(quoted).join(' ')}` };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function isEvent(name: string): name is HookEvent {
  return (hookEvents as readonly string[]).includes(name);
}

function isMatcher(matcher: string | undefined): boolean {
  try {
    new RegExp(matcher === '*' ? '' : (matcher ?? ''));
    return true;
  } catch {
    return false;
  }
}

function issue(error: z.ZodError): string {
  const [first] = error.issues;
  return `${first?.path.join('.') || 'it'}: ${first?.message ?? 'it is not valid'}`;
}
