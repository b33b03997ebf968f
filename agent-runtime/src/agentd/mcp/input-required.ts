import { setTimeout as pause } from 'node:timers/promises';
import type { CallToolResult, InputRequiredResult } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { McpServer } from '../../protocol/mcp.ts';
import { type TokenUsage, tokenUsage } from '../../protocol/messages.ts';
import type { AskPerson, Later } from '../tools/tool.ts';
import { digestOf } from './declared.ts';
import type { DuringCall } from './during-call.ts';
import { type Elicited, elicit } from './elicit.ts';
import { urlsWanted } from './elicit-url.ts';
import { sample } from './sample.ts';

/** How often a server may come back within one call, with how much, in characters; and the milliseconds after which one is asked again that wants nothing. */
const limits = { rounds: 10, kept: 262_144, pause: 250 };

/** What the next part of a call takes along: the answers, and what the server gave to be given back. */
export interface Resumed {
  inputResponses?: Record<string, unknown>;
  requestState?: string;
}

const request = z.discriminatedUnion('method', [
  z.looseObject({
    method: z.literal('elicitation/create'),
    params: z.looseObject({ message: z.string(), mode: z.string().optional() }),
  }),
  z.looseObject({ method: z.literal('sampling/createMessage'), params: z.unknown() }),
  z.looseObject({ method: z.literal('roots/list') }),
]);

/** What a call keeps while it waits. It holds only for the server that asked: to another one of that name nobody has answered. */
const kept = z.object({
  server: z.string(),
  round: z.int(),
  requests: z.record(z.string(), request),
  requestState: z.string().optional(),
  /** It refused the call until people have been somewhere, and is called again as at first. */
  refused: z.literal(true).optional(),
  usage: tokenUsage.optional(),
});
type Kept = z.infer<typeof kept>;

/** What a call has cost that waited before. */
export function usageSoFar(state: unknown): TokenUsage | undefined {
  return kept.safeParse(state).data?.usage;
}

/** What the parts of a call share. */
export interface LongCall {
  server: McpServer;
  project: string;
  later: Omit<Later, 'ask'> & { ask: (...question: Parameters<AskPerson>) => ReturnType<Later['ask']> };
  during: DuringCall;
  usage: () => TokenUsage | undefined;
  signal: AbortSignal;
}

/**
 * Calls a tool of a server that keeps no state (2026-07-28): one that wants input ends the request with what it wants, and is asked again with it.
 * What a person is asked meanwhile waits on disk for as long as they take, and the connection, the workspace and this process need not
 * outlast it. Rejects with `CallSuspended` where nobody has answered.
 */
export async function callWithInput(
  part: (resumed?: Resumed) => Promise<CallToolResult | InputRequiredResult>,
  call: LongCall,
): Promise<CallToolResult> {
  const { server, later, usage } = call;
  let wanted = later.kept === undefined ? undefined : readKept(later.kept, server);
  let round = wanted?.round ?? 0;
  for (;;) {
    const resumed = wanted && (await answered(wanted, call));
    const result = await part(resumed).catch(urlsFirst);
    if (!wantsInput(result)) return result;
    round += 1;
    if (round > limits.rounds) throw new Error(`it wanted more input after ${limits.rounds} rounds`);
    const { inputRequests = {}, requestState, refused }: Wanted = result;
    const read = z.record(z.string(), request).safeParse(inputRequests);
    if (!read.success) throw new Error(`it wants what cannot be given: ${read.error.issues[0]?.message}`);
    const spent = usage();
    wanted = {
      ...{ server: digestOf(server), round, requests: read.data },
      ...(requestState !== undefined && { requestState }),
      ...(refused && { refused }),
      ...(spent !== undefined && { usage: spent }),
    };
    const characters = JSON.stringify(wanted).length;
    if (characters > limits.kept)
      throw new Error(`it wants input with ${characters} characters, and ${limits.kept} are kept`);
    if (asksPerson(wanted)) await later.keep(wanted);
    // It wants nothing but time.
    else if (Object.keys(wanted.requests).length === 0) await pause(limits.pause, undefined, call);
  }
}

export function wantsInput(result: CallToolResult | InputRequiredResult): result is InputRequiredResult {
  return result.resultType === 'input_required';
}

type Wanted = InputRequiredResult & { refused?: true };

/** A refusal until people have been at a URL, as the wish that it is. */
function urlsFirst(error: unknown): Wanted {
  const urls = urlsWanted(error);
  if (urls === undefined) throw error;
  const requests = urls.map((params, at) => [`url ${at + 1}`, { method: 'elicitation/create', params }]);
  const inputRequests = Object.fromEntries(requests) as NonNullable<Wanted['inputRequests']>;
  return { resultType: 'input_required', inputRequests, refused: true };
}

function readKept(state: unknown, server: McpServer): Kept {
  const read = kept.safeParse(state);
  if (!read.success) throw new Error('what was kept of it cannot be read');
  if (read.data.server !== digestOf(server))
    throw new Error('its server is declared otherwise now, and was not told what a person answered');
  return read.data;
}

function asksPerson({ requests }: Kept): boolean {
  return Object.values(requests).some(({ method }) => method === 'elicitation/create');
}

/** People first: they may have to be waited for, and what was done before would be done again. */
async function answered(wanted: Kept, call: LongCall): Promise<Resumed> {
  const { server, later, during, project } = call;
  const inputResponses: Record<string, unknown> = {};
  const requests = Object.entries(wanted.requests);
  for (const [key, asked] of requests)
    if (asked.method === 'elicitation/create')
      inputResponses[key] = await elicit(server.name, asked.params, {
        ...{ key: `${wanted.round} ${key}`, asked: later.asked(), hooks: during.hooks },
        ask: (...question) => later.ask(...question),
      });
  if (wanted.refused && Object.values(inputResponses).some((each) => (each as Elicited).action !== 'accept'))
    throw new Declined('nobody went where it sent them');
  if (asksPerson(wanted)) await later.goOn();
  if (wanted.refused) return {};
  for (const [key, asked] of requests) {
    if (asked.method === 'sampling/createMessage')
      inputResponses[key] = await sample(server.name, asked.params, during);
    else if (asked.method === 'roots/list') inputResponses[key] = rootsOf(project);
  }
  return {
    ...(requests.length > 0 && { inputResponses }),
    ...(wanted.requestState !== undefined && { requestState: wanted.requestState }),
  };
}

/** What the server needs before it does anything was declined. Nothing was done. */
export class Declined extends Error {
  override readonly name = 'Declined';
}

/** The one folder that a server is told of. */
export function rootsOf(project: string): { roots: { uri: string; name: string }[] } {
  return { roots: [{ uri: `file://${encodeURI(project)}`, name: 'project' }] };
}
