import type { IncomingMessage, ServerResponse } from 'node:http';
import { mailPath, type mailRecord, mailRequest, reasonHeader } from '@dormouse/agent-runtime/protocol';
import type { AgentMessage, AgentWorkspaceClass } from '@dormouse/crds';
import { type Clock, ForbiddenError, KubeError, NotFoundError } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { z } from 'zod';
import { parseRequestPath, type Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import type { Classes } from '../classes.ts';
import { answerRefusal } from '../http/answer.ts';
import { ClientLeft } from '../http/client-left.ts';
import { Refusal, refusalOf } from '../http/refusal.ts';
import type { BodyMemory } from '../model-proxy/body.ts';
import { type MessageStore, nameOfMail, recordOf } from './message-store.ts';

type Rules = AgentWorkspaceClass['spec']['messages'];

/** Bytes of a body: JSON may need six for a character. */
const longestBody = 128 * 1024;

/** A line of the audit. */
export interface MailRecord {
  action: 'mail';
  /** `NAMESPACE/NAME` of the sender. */
  workspace: string;
  to: string;
  route: 'send' | 'look';
  /** `answered`, or the code of a refusal. */
  outcome: string;
  status: number;
  milliseconds: number;
}

export interface MailOptions {
  store: MessageStore;
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'fetch'>;
  classes: Pick<Classes, 'of'>;
  memory: BodyMemory;
  clock: Clock;
  log: Logger;
  audit: (record: MailRecord) => void;
}

interface Asked {
  to: string;
  /** The AgentMessage that is asked about; absent: one is sent. */
  message?: string;
}

/** Carries messages from workspace to workspace of one namespace, where the classes of both let it. */
export class Mail {
  readonly #options: MailOptions;

  constructor(options: MailOptions) {
    this.#options = options;
  }

  handles(url: string | undefined): boolean {
    return url?.startsWith(mailPath) === true;
  }

  /** Answers a request, whatever comes of it. */
  async serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { clock, log, audit } = this.#options;
    const since = clock.monotonic();
    const seen: { sender?: WorkspaceIdentity; asked?: Asked } = {};
    let outcome = 'answered';
    try {
      const record = await this.#answer(request, signal, seen);
      const text = JSON.stringify(record);
      response.writeHead(seen.asked?.message === undefined ? 201 : 200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      });
      response.end(text);
    } catch (error) {
      if (signal.aborted && signal.reason instanceof ClientLeft) return;
      const refusal = refusalOfMail(error);
      if (refusal.code === 'internal') log.error({ err: error }, 'a message could not be carried');
      outcome = refusal.code;
      answerRefusal(response, refusal);
    }
    const { sender, asked } = seen;
    if (sender === undefined || asked === undefined) return;
    audit({
      action: 'mail',
      workspace: `${sender.namespace}/${sender.name}`,
      to: asked.to,
      route: asked.message === undefined ? 'send' : 'look',
      outcome,
      status: response.statusCode,
      milliseconds: Math.round(clock.monotonic() - since),
    });
  }

  async #answer(
    request: IncomingMessage,
    signal: AbortSignal,
    seen: { sender?: WorkspaceIdentity; asked?: Asked },
  ): Promise<z.infer<typeof mailRecord>> {
    const { authenticator, store } = this.#options;
    if (request.headers.origin !== undefined)
      throw new Refusal('forbidden', 'No page of a browser has anything to ask here.');
    const asked = askedOf(request.method, request.url);
    seen.asked = asked;
    const sender = await authenticator.identify(bearerToken(request.rawHeaders, false));
    seen.sender = sender;
    const rules = await this.#rulesBetween(sender, asked.to);
    if (asked.message !== undefined) {
      const found = await store.find(sender, asked.message);
      if (found === undefined || found.spec.sender?.workspace !== sender.name)
        throw new Refusal('not_found', `This workspace sent no AgentMessage ${asked.message}.`);
      return recordOf(found);
    }
    return recordOf(await this.#send(sender, asked.to, rules, request, signal));
  }

  async #send(
    sender: WorkspaceIdentity,
    to: string,
    { perHour, hops: most }: Rules,
    request: IncomingMessage,
    signal: AbortSignal,
  ): Promise<AgentMessage> {
    const { memory, store, clock } = this.#options;
    const { body, release } = await memory.read(request, longestBody, signal);
    let mail: z.output<typeof mailRequest>;
    try {
      mail = parsed(body);
    } finally {
      release();
    }
    const name = nameOfMail(sender, mail.id);
    const before = await store.find(sender, name);
    if (before !== undefined) return before;
    if (mail.hops > most)
      throw new Refusal(
        'forbidden',
        `Workspaces have moved one another to send messages ${most} times one after another, as often as their class allows (spec.messages.hops). Leave it to a person to go on.`,
      );
    if ((await store.sentSince(sender, clock.now() - 3_600_000)) >= perHour)
      throw new Refusal(
        'too_many',
        `AgentWorkspace ${sender.name} has sent ${perHour} messages within an hour, as many as its class allows (spec.messages.perHour).`,
        { 'retry-after': '600' },
      );
    return store.create(sender, name, to, mail);
  }

  /** What the class of the sender says, where both classes let them speak. */
  async #rulesBetween(sender: WorkspaceIdentity, to: string): Promise<Rules> {
    const { workspaces, classes } = this.#options;
    if (to === sender.name)
      throw new Refusal('invalid', 'A workspace sends itself no messages: a schedule does what is meant.');
    const from = classes.of(await workspaces.fetch(sender));
    if (from.spec.messages?.betweenWorkspaces !== true)
      throw new Refusal(
        'forbidden',
        `AgentWorkspaceClass ${from.metadata.name} of this workspace lets it send no messages to others (spec.messages.betweenWorkspaces).`,
      );
    const target = await workspaces
      .fetch({ namespace: sender.namespace, name: to })
      .catch((error: unknown) => {
        if (!(error instanceof NotFoundError)) throw error;
        throw new Refusal('not_found', `There is no AgentWorkspace ${to} in this namespace.`);
      });
    if (classes.of(target).spec.messages?.betweenWorkspaces !== true)
      throw new Refusal('forbidden', `The class of AgentWorkspace ${to} lets it take no messages of others.`);
    return from.spec.messages;
  }
}

/** @throws Refusal */
function askedOf(method: string | undefined, url: string | undefined): Asked {
  const { segments } = parseRequestPath(url);
  const [, , to = '', kind, message, ...rest] = segments;
  const named = [to, ...(message === undefined ? [] : [message])];
  const wellFormed = named.every((name) => /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(name));
  if (kind !== 'messages' || rest.length > 0 || !wellFormed)
    throw new Refusal(
      'not_found',
      `Workspaces can ask for ${mailPath}NAME/messages and what lies below here.`,
    );
  const wanted = message === undefined ? 'POST' : 'GET';
  if (method !== wanted)
    throw new Refusal('method_not_allowed', `This path takes ${wanted}.`, { allow: wanted });
  return { to, ...(message === undefined ? {} : { message }) };
}

/** @throws Refusal */
function parsed(body: Buffer): z.output<typeof mailRequest> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new Refusal('invalid', `The body is no JSON: ${(error as Error).message}.`);
  }
  const mail = mailRequest.safeParse(value);
  if (mail.success) return mail.data;
  const [issue] = mail.error.issues;
  throw new Refusal('invalid', `The body: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** What the API server could not answer is no fault of the caller. */
function refusalOfMail(error: unknown): Refusal {
  const refusal =
    error instanceof KubeError && !(error instanceof ForbiddenError)
      ? new Refusal('unavailable', `The API server does not take it now: ${error.message}`, {
          'retry-after': '2',
        })
      : refusalOf(error);
  refusal.headers[reasonHeader] ??= 'Refused';
  return refusal;
}
