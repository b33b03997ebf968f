import { type MailRecord, type MailRequest, mailPath, mailRecord } from '../../protocol/mail.ts';
import type { Bearer } from '../model/model-client.ts';

/** Bytes of an answer that are read. */
const longestAnswer = 256 * 1024;
/** Milliseconds for one request. */
const patienceMs = 20_000;

/** The gateway refuses a message, in words for the model. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';
}

/** The gateway could not be reached, or cannot say now: the same may be sent again. */
export class MailUnavailable extends Error {
  override readonly name = 'MailUnavailable';
}

/** Messages to other workspaces, by the gateway, with the token of the pod. */
export interface Mail {
  /** Rejects with `MailRefused`, `MailUnavailable`, or the signal's reason. */
  send(to: string, mail: MailRequest, signal: AbortSignal): Promise<MailRecord>;
  /** What came of one. Rejects likewise. */
  look(to: string, message: string, signal: AbortSignal): Promise<MailRecord>;
}

export class WorkspaceMail implements Mail {
  readonly #baseUrl: () => string;
  readonly #bearer: Bearer;

  constructor(baseUrl: () => string, bearer: Bearer) {
    this.#baseUrl = baseUrl;
    this.#bearer = bearer;
  }

  send(to: string, mail: MailRequest, signal: AbortSignal): Promise<MailRecord> {
    return this.#call('POST', `${encodeURIComponent(to)}/messages`, signal, mail);
  }

  look(to: string, message: string, signal: AbortSignal): Promise<MailRecord> {
    return this.#call('GET', `${encodeURIComponent(to)}/messages/${encodeURIComponent(message)}`, signal);
  }

  async #call(method: 'GET' | 'POST', path: string, signal: AbortSignal, body?: object): Promise<MailRecord> {
    let status: number;
    let text: string;
    try {
      const answer = await fetch(new URL(`${mailPath}${path}`, this.#baseUrl()), {
        method,
        headers: { authorization: `Bearer ${await this.#bearer.read()}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
      });
      status = answer.status;
      text = (await answer.text()).slice(0, longestAnswer);
    } catch (error) {
      signal.throwIfAborted();
      throw new MailUnavailable(`The gateway cannot be reached: ${(error as Error).message}`, {
        cause: error,
      });
    }
    const json = parseJson(text);
    if (status >= 200 && status < 300) {
      const record = mailRecord.safeParse(json);
      if (record.success) return record.data;
      throw new MailUnavailable('The gateway gave an answer that is none.');
    }
    const why = messageOf(json) ?? `The gateway answered ${status}.`;
    throw status >= 500 ? new MailUnavailable(why) : new MailRefused(why);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what that means.
    return undefined;
  }
}

function messageOf(json: unknown): string | undefined {
  const error = typeof json === 'object' && json !== null && 'error' in json ? json.error : undefined;
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? message.slice(0, 2_000) : undefined;
}
