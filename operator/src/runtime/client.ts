import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import {
  type ApprovalDecision,
  apiError,
  type CheckpointRequest,
  type CheckpointState,
  type ConfigUpdate,
  checkpointState,
  type MessageRecord,
  type MessageRequest,
  messageRecord,
  type RuntimeState,
  runtimeState,
} from '@dormouse/agent-runtime/protocol';
import type { z } from 'zod';
import { AgentRefusedError, AgentUnreachableError } from './errors.ts';
import { cutText } from './reply.ts';
import type { AgentChannel, AgentRequest } from './transport.ts';

/** Bytes: an answer in JSON (a reply stands in it whole), and a manifest, which lists every file of the state. */
const limits = { json: 8 << 20, manifest: 64 << 20 };
/** Milliseconds for one request. */
const timeout = 10_000;

/** What the operator asks of one agentd. Rejects with AgentRefusedError or AgentUnreachableError. */
export interface AgentClient {
  /** Idempotent by `key`. */
  postMessage(request: MessageRequest): Promise<MessageRecord>;
  /** Idempotent by the `key` of the decision. */
  answerApproval(id: string, decision: ApprovalDecision): Promise<void>;
  putConfig(update: ConfigUpdate): Promise<void>;
  requestCheckpoint(request: CheckpointRequest): Promise<CheckpointState>;
  /** Cancels a checkpoint that is under way, releases one that is held. One that is gone is as good. */
  cancelCheckpoint(sequence: number): Promise<void>;
  /** What holds at this moment. */
  state(): Promise<RuntimeState>;
  /** `sha256:HEX` of the bytes of the manifest, computed here. */
  manifestDigest(sequence: number): Promise<string>;
}

export function createAgentClient(channel: AgentChannel): AgentClient {
  const send = async <T>(
    request: Omit<AgentRequest, 'signal'>,
    read: (body: Readable) => Promise<T>,
  ): Promise<T> => {
    const signal = AbortSignal.timeout(timeout);
    try {
      const { status, body } = await channel.send({ ...request, signal });
      if (status >= 200 && status < 300) return await read(body);
      throw refusal(status, (await readBytes(body, 64 << 10)).toString());
    } catch (error) {
      if (error instanceof AgentRefusedError || error instanceof AgentUnreachableError) throw error;
      throw new AgentUnreachableError(`${request.method} ${request.path}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  };
  const json = <T>(request: Omit<AgentRequest, 'signal'>, schema: z.ZodType<T>): Promise<T> =>
    send(request, async (body) => {
      const parsed = schema.safeParse(JSON.parse((await readBytes(body, limits.json)).toString()));
      if (parsed.success) return parsed.data;
      throw new AgentUnreachableError(
        `${request.method} ${request.path}: the answer is not what this operator understands: ${parsed.error.message}`,
      );
    });
  const drained = async (body: Readable) => {
    await readBytes(body, limits.json);
  };
  return {
    postMessage: async (request) =>
      boundedRecord(await json({ method: 'POST', path: '/v1/messages', body: request }, messageRecord)),
    answerApproval: (id, decision) =>
      send({ method: 'POST', path: `/v1/approvals/${encodeURIComponent(id)}`, body: decision }, drained),
    putConfig: (update) => send({ method: 'PUT', path: '/v1/config', body: update }, drained),
    requestCheckpoint: (request) =>
      json({ method: 'POST', path: '/v1/checkpoints', body: request }, checkpointState),
    async cancelCheckpoint(sequence) {
      try {
        await send({ method: 'DELETE', path: `/v1/checkpoints/${sequence}` }, drained);
      } catch (error) {
        if (!(error instanceof AgentRefusedError && error.code === 'not_found')) throw error;
      }
    },
    state: () => json({ method: 'GET', path: '/v1/state' }, runtimeState),
    manifestDigest: (sequence) =>
      send({ method: 'GET', path: `/v1/checkpoints/${sequence}/manifest` }, async (body) => {
        const bytes = await readBytes(body, limits.manifest);
        return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      }),
  };
}

/** A record as the operator keeps it: of the reply only what a status can hold, so that memory is bounded. */
export function boundedRecord(record: MessageRecord): MessageRecord {
  if (record.reply === undefined) return record;
  // One byte more than the limit keeps the fact that there was more.
  const { text } = cutText(record.reply.text, 16_388);
  return { ...record, reply: { ...record.reply, text } };
}

/** What agentd, or a proxy before it, meant by a status of 400 and above. */
export function refusal(status: number, text: string): Error {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return new AgentUnreachableError(`HTTP ${status}, not from agentd: ${text.slice(0, 200)}`);
  }
  const parsed = apiError.safeParse(body);
  return parsed.success
    ? new AgentRefusedError(status, parsed.data.error.code, parsed.data.error.message)
    : new AgentUnreachableError(`HTTP ${status}, not from agentd: ${text.slice(0, 200)}`);
}

export async function readBytes(body: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop destroys the stream.
    if (size > limit) throw new RangeError(`the answer is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: unknown }).code;
  return error.message === '' ? String(code ?? error.name) : error.message;
}
