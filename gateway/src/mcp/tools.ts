import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fileRead, messageRecord, runtimeState } from '@dormouse/agent-runtime/protocol';
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { CallRefused, type OwnDoor } from './own-door.ts';

/** Seconds that a caller waits for a reply: unless it says otherwise, and at most. */
const waits = { usual: 300, most: 3_600 };
/** Milliseconds between two looks at a message: at first, and at most. */
const pauses = { first: 250, longest: 2_000 };
const session = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
  .default('default');
const sessions = z.array(runtimeState.shape.sessions.element);

type MessageRecord = z.infer<typeof messageRecord>;

/** Gives a server the tools by which another agent uses a workspace. */
export function registerTools(server: McpServer, door: OwnDoor, workspace: string): void {
  server.registerTool(
    'send_message',
    {
      title: 'Send a message',
      description: `Sends a message to the agent of the workspace ${workspace}, wakes it where it sleeps, and waits for its reply. It remembers the conversation of each session. Where the time is over before it has replied, ask message_status with the key.`,
      inputSchema: z.object({
        text: z.string().min(1).max(65_536).describe('What to ask it for.'),
        session: session.describe('Which conversation; default unless given.'),
        timeout_seconds: z
          .number()
          .min(0)
          .max(waits.most)
          .default(waits.usual)
          .describe('How long to wait for the reply; 0 sends only.'),
        key: z
          .string()
          .regex(/^[A-Za-z0-9._-]{1,64}$/)
          .optional()
          .describe('Makes it safe to send again: a key is worked on once.'),
      }),
      annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true },
    },
    (input, context) =>
      answered(async () => {
        const { signal } = context.mcpReq;
        const key = input.key ?? randomUUID();
        const deadline = performance.now() + input.timeout_seconds * 1000;
        const body = { key, session: input.session, text: input.text };
        const send = () => door.call('POST', '/messages', messageRecord, signal, body);
        const sent = await door.patiently(send, deadline, signal);
        return replyOf(await settled(sent, door, deadline, context));
      }),
  );
  server.registerTool(
    'message_status',
    {
      title: 'How a message stands',
      description: 'Whether the agent has replied to a message, and what.',
      inputSchema: z.object({ key: z.string().min(1).max(64).describe('The key that send_message gave.') }),
      annotations: { readOnlyHint: true },
    },
    ({ key }, { mcpReq: { signal } }) =>
      answered(async () =>
        replyOf(await door.call('GET', `/messages/${encodeURIComponent(key)}`, messageRecord, signal)),
      ),
  );
  server.registerTool(
    'list_sessions',
    {
      title: 'List sessions',
      description: `The conversations of the workspace ${workspace}, and whether each is at work.`,
      inputSchema: z.object({}),
      annotations: { readOnlyHint: true },
    },
    (_input, { mcpReq: { signal } }) =>
      answered(async () => {
        const all = await door.call('GET', '/sessions', sessions, signal);
        return said(
          all.map(({ id, status, queued }) => `${id}: ${status}, ${queued} waiting`).join('\n') || 'none',
        );
      }),
  );
  server.registerTool(
    'read_file',
    {
      title: 'Read a file',
      description: `Reads lines of a text file of the workspace ${workspace}.`,
      inputSchema: z.object({
        path: z.string().min(1).max(4_096).describe('Absolute, or relative to the home.'),
        offset: z.number().int().min(0).default(0).describe('Lines to leave out at the beginning.'),
        limit: z.number().int().min(1).max(10_000).default(2_000).describe('How many lines.'),
      }),
      annotations: { readOnlyHint: true },
    },
    ({ path, offset, limit }, { mcpReq: { signal } }) =>
      answered(async () => {
        const query = new URLSearchParams({ path, offset: String(offset), limit: String(limit) });
        const file = await door.call('GET', `/files?${query}`, fileRead, signal);
        const more = file.truncated ? `\n[There is more: the file has ${file.totalLines} lines.]` : '';
        return said(file.content + more);
      }),
  );
}

/** The message as it stands when it is settled, needs a person, or the time is over. */
async function settled(
  sent: MessageRecord,
  door: OwnDoor,
  deadline: number,
  { mcpReq: { signal, _meta, notify } }: ServerContext,
): Promise<MessageRecord> {
  let record = sent;
  const since = performance.now();
  for (let pause = pauses.first; isUnderWay(record); pause = Math.min(pause * 2, pauses.longest)) {
    if (performance.now() + pause > deadline) break;
    await delay(pause, undefined, { signal });
    const look = () => door.call('GET', `/messages/${encodeURIComponent(record.key)}`, messageRecord, signal);
    record = await door.patiently(look, deadline, signal);
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined) {
      const progress = Math.round((performance.now() - since) / 1000);
      const params = { progressToken, progress, message: record.phase };
      await notify({ method: 'notifications/progress', params });
    }
  }
  return record;
}

function isUnderWay({ phase, pendingApprovals }: MessageRecord): boolean {
  return (phase === 'Queued' || phase === 'Working') && !pendingApprovals?.length;
}

function replyOf({ key, phase, reply, message, reason, pendingApprovals }: MessageRecord): CallToolResult {
  if (phase === 'Completed') return said(reply?.text ?? '');
  if (phase === 'Failed') return failed(`The message failed: ${reason ?? ''} ${message ?? ''}`.trim());
  const waiting = pendingApprovals?.length
    ? ` A person must allow or deny: ${pendingApprovals.map((each) => `${each.tool} ${each.summary}`).join('; ')}.`
    : '';
  return said(`No reply yet; the message is ${phase}.${waiting} Ask message_status with the key ${key}.`);
}

function said(text: string): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

function failed(text: string): CallToolResult {
  return { ...said(text), isError: true };
}

async function answered(call: () => Promise<CallToolResult>): Promise<CallToolResult> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof CallRefused) return failed(error.message);
    throw error;
  }
}
