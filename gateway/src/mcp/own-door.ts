import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { WorkspaceName } from '../auth/index.ts';

const refusalBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
/** Bytes of an answer; and milliseconds between two tries where a workspace takes nothing just now. */
const maxAnswer = 8 * 1024 * 1024;
const pauseMs = 500;

/** What was asked for was refused, by the gateway or by the workspace; the message is for whoever asked. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Calls of a workspace's agent through this gateway's own door, with the caller's own token. So each is let in, woken for, held, limited
 * and written down like any other, and nothing that comes in by MCP has a right or a way that its caller has not.
 */
export class OwnDoor {
  readonly #prefix: string;
  readonly #token: string;

  /** `origin`: where this gateway listens. */
  constructor(origin: string, { namespace, name }: WorkspaceName, token: string) {
    this.#prefix = `${origin}/v1/namespaces/${namespace}/workspaces/${name}/agent`;
    this.#token = token;
  }

  /** Throws `CallRefused`, or the signal's reason. */
  async call<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: z.ZodType<T>,
    signal: AbortSignal,
    body?: object,
  ): Promise<T> {
    const answer = await fetch(`${this.#prefix}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal,
    });
    const text = await readText(answer);
    const json = parseJson(text);
    if (answer.ok) {
      const parsed = schema.safeParse(json);
      if (parsed.success) return parsed.data;
      throw new CallRefused('bad_gateway', 'The workspace gave an answer that this gateway does not know.');
    }
    const { error } = refusalBody.safeParse(json).data ?? {
      error: { code: 'bad_gateway', message: `The workspace answered ${answer.status}.` },
    };
    throw new CallRefused(error.code, error.message);
  }

  /** The same, again while the workspace takes nothing just now. Only for what may come twice. */
  async patiently<T>(call: () => Promise<T>, deadline: number, signal: AbortSignal): Promise<T> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        const passing = error instanceof CallRefused && ['unavailable', 'checkpointing'].includes(error.code);
        if (!passing || performance.now() + pauseMs > deadline) throw error;
        await delay(pauseMs, undefined, { signal });
      }
    }
  }
}

async function readText({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > maxAnswer) throw new CallRefused('too_large', 'The answer of the workspace is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what that means.
    return undefined;
  }
}
