import { workspaceFetch } from '../mcp/workspace-fetch.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { environmentFile, setsEnvironment } from './environment.ts';
import { filledIn } from './filled-in.ts';
import type { Hook, HookAction } from './hook.ts';
import { boundedText, postJson } from './post-json.ts';
import { type HookResult, resultOf } from './result.ts';

/** What hooks of a session run with. */
export interface HookSurroundings {
  client: ToolsClient;
  cwd: string;
  /** Variables of every hook. */
  env: Readonly<Record<string, string>>;
  /** The way out for hooks of the class. */
  proxies: Readonly<Record<string, string | undefined>>;
  /** Calls a tool of an MCP server that is connected. Rejects where it is not. */
  callMcpTool(
    server: string,
    tool: string,
    input: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<{ text: string; isError: boolean }>;
  /** Asks the model, and resolves with the text of its answer. */
  askModel(prompt: string, model: string | undefined, signal: AbortSignal): Promise<string>;
  /** The same, where the model may look at files before it answers. */
  askAgent(prompt: string, model: string | undefined, signal: AbortSignal): Promise<string>;
}

/** Characters that are kept of what a hook prints. */
const maxOutput = 256 * 1024;

/** Asks one hook. What goes wrong is its result; rejects only with the reason of the signal. */
export async function runHook(
  hook: Hook,
  input: string,
  surroundings: HookSurroundings,
  signal: AbortSignal,
): Promise<HookResult> {
  if (hook.refused !== undefined) return { failed: hook.refused };
  try {
    if (hook.action.type === 'command')
      return await runCommand(hook, hook.action.command, input, surroundings, signal);
    if (hook.action.type === 'http') return await post(hook, hook.action, input, surroundings, signal);
    if (hook.action.type === 'mcp_tool')
      return await callTool(hook, hook.action, input, surroundings, signal);
    return await askPrompt(hook, hook.action, input, surroundings, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { failed: error instanceof Error ? error.message : String(error) };
  }
}

async function runCommand(
  hook: Hook,
  command: string,
  stdin: string,
  { client, cwd, env }: HookSurroundings,
  signal: AbortSignal,
): Promise<HookResult> {
  const output = { stdout: '', stderr: '' };
  const file = setsEnvironment(hook.event) && !hook.async ? environmentFile() : undefined;
  const given = { ...env, ...hook.env, ...(file !== undefined && { CLAUDE_ENV_FILE: file }) };
  const body = { command, cwd, env: given, timeoutMs: hook.timeoutMs, stdin };
  const exit = await client.exec(
    body,
    (text, stream) => {
      output[stream] = (output[stream] + text).slice(0, maxOutput);
    },
    { signal },
  );
  if (exit.timedOut) return { failed: `it did not end within ${hook.timeoutMs} ms` };
  if (exit.code === null) return { failed: `it was ended by ${exit.signal}` };
  const result = resultOf(hook.event, { code: exit.code, ...output });
  return file === undefined ? result : { ...result, environmentFile: file };
}

/** An answer of 2xx is what a command would print; any other one a failure. */
async function post(
  hook: Hook,
  action: Extract<HookAction, { type: 'http' }>,
  body: string,
  { client, proxies }: HookSurroundings,
  signal: AbortSignal,
): Promise<HookResult> {
  const { timeoutMs } = hook;
  const answer = hook.managed
    ? await postJson({ url: action.url, body, timeoutMs, proxies, signal })
    : await postFromWorkspace(action, body, timeoutMs, client, signal);
  if (answer.status < 200 || answer.status > 299) return { failed: `the server answered ${answer.status}` };
  return resultOf(hook.event, { code: 0, stdout: answer.body, stderr: '' });
}

/** By the proxy of the workspace, with its variables in the headers, as far as the hook names them. */
async function postFromWorkspace(
  { url, headers, allowedEnvVars }: Extract<HookAction, { type: 'http' }>,
  body: string,
  timeoutMs: number,
  client: ToolsClient,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const limit = AbortSignal.timeout(timeoutMs);
  const within = AbortSignal.any([signal, limit]);
  try {
    const variables = allowedEnvVars.length === 0 ? {} : await client.environment(within);
    const filled = Object.entries(headers).map(([name, value]): [string, string] => [
      name,
      value.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => {
        const variable = braced ?? bare ?? '';
        return allowedEnvVars.includes(variable) ? (variables[variable] ?? '') : '';
      }),
    ]);
    const answer = await workspaceFetch(client)(url, {
      ...{ method: 'POST', body, signal: within },
      headers: [['content-type', 'application/json'], ...filled],
    });
    return { status: answer.status, body: await boundedText(answer) };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) throw new Error(`${url} did not answer within ${timeoutMs} ms`, { cause: error });
    throw error;
  }
}

/** What the tool says is what a command would print. */
async function callTool(
  hook: Hook,
  { server, tool, input }: Extract<HookAction, { type: 'mcp_tool' }>,
  told: string,
  { callMcpTool }: HookSurroundings,
  signal: AbortSignal,
): Promise<HookResult> {
  const limit = AbortSignal.timeout(hook.timeoutMs);
  try {
    const filled = filledIn(input, JSON.parse(told)) as Record<string, unknown>;
    const { text, isError } = await callMcpTool(server, tool, filled, AbortSignal.any([signal, limit]));
    if (isError) return { failed: `the tool ${tool} of ${server} failed: ${text.slice(0, 1_000)}` };
    return resultOf(hook.event, { code: 0, stdout: text, stderr: '' });
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return { failed: `${tool} of ${server} did not answer within ${hook.timeoutMs} ms` };
    throw error;
  }
}

const asked = 'Answer with JSON alone: {"ok": true}, or {"ok": false, "reason": "why not"}.';

/** The model decides; what it is asked about stands for `$ARGUMENTS`, or behind the prompt. */
async function askPrompt(
  hook: Hook,
  { type, prompt, model }: Extract<HookAction, { prompt: string }>,
  input: string,
  { askModel, askAgent }: HookSurroundings,
  signal: AbortSignal,
): Promise<HookResult> {
  const limit = AbortSignal.timeout(hook.timeoutMs);
  const question = prompt.includes('$ARGUMENTS')
    ? prompt.replaceAll('$ARGUMENTS', () => input)
    : `${prompt}\n\n${input}`;
  try {
    const ask = type === 'agent' ? askAgent : askModel;
    const text = await ask(
      `${question}\n\n<answer>\n${asked}\n</answer>`,
      model,
      AbortSignal.any([signal, limit]),
    );
    const verdict: unknown = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1));
    if (
      typeof verdict !== 'object' ||
      verdict === null ||
      !('ok' in verdict) ||
      typeof verdict.ok !== 'boolean'
    )
      return { failed: 'the model did not say whether it is ok' };
    if (verdict.ok) return {};
    const reason = 'reason' in verdict && typeof verdict.reason === 'string' ? verdict.reason : '';
    return resultOf(hook.event, { code: 2, stdout: '', stderr: reason });
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted) return { failed: `the model did not answer within ${hook.timeoutMs} ms` };
    throw error;
  }
}
