import type { IncomingMessage, ServerResponse } from 'node:http';
import { pluginRelayPath } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { Clock } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import { askOver } from '../http/ask-over.ts';
import { Refusal } from '../http/refusal.ts';
import { passAnswer, readAnswer } from '../model-proxy/answer.ts';
import { relayed } from '../relay/relayed.ts';
import type { HeadersFrom, SecretHeaders } from '../relay/secret-headers.ts';
import { goingOut, type WayOut } from '../relay/way-out.ts';
import { challengeOf, tokenOf } from './challenge.ts';
import { type Part, partOf, type Question, questionFor } from './part.ts';

/** Milliseconds for which an answer may be silent; bytes of one with a token. */
const idle = 60_000;
const longestToken = 1024 * 1024;

/** A line of the audit. */
export interface PluginRelayRecord {
  action: 'plugin';
  /** `NAMESPACE/NAME`. */
  workspace: string;
  plugin: string;
  part: string;
  outcome: string;
  status: number;
  milliseconds: number;
}

export interface PluginRelayOptions extends WayOut {
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'fetch'>;
  secrets: Pick<SecretHeaders, 'read'>;
  clock: Clock;
  log: Logger;
  audit: (record: PluginRelayRecord) => void;
}

/** For whom something is asked. */
interface Errand {
  workspace: AgentWorkspace;
  headersFrom: HeadersFrom;
  signal: AbortSignal;
}

/**
 * Fetches pinned plugins for workspaces, with headers from Secrets that no workspace sees. Whoever asks says only which part of which
 * plugin: where it lies and what it must be stands in the spec.
 */
export class PluginRelay {
  readonly #options: PluginRelayOptions;

  constructor(options: PluginRelayOptions) {
    this.#options = options;
  }

  handles(url: string | undefined): boolean {
    return url?.startsWith(pluginRelayPath) === true;
  }

  /** Answers a request, whatever comes of it. */
  async serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { clock, log, audit } = this.#options;
    const since = clock.monotonic();
    const seen: { workspace?: WorkspaceIdentity } & Partial<Part> = {};
    const relay = () => this.#relay(request, response, signal, seen);
    const outcome = await relayed(relay, response, signal, log);
    const { workspace, plugin, part } = seen;
    if (workspace === undefined || plugin === undefined || part === undefined) return;
    audit({
      action: 'plugin',
      workspace: `${workspace.namespace}/${workspace.name}`,
      ...{ plugin, part, outcome },
      status: response.statusCode,
      milliseconds: Math.round(clock.monotonic() - since),
    });
  }

  async #relay(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
    seen: { workspace?: WorkspaceIdentity } & Partial<Part>,
  ): Promise<void> {
    const { authenticator, workspaces, clock } = this.#options;
    if (request.headers.origin !== undefined)
      throw new Refusal('forbidden', 'No page of a browser has anything to ask here.');
    const { plugin: name, part } = partOf(request);
    seen.workspace = await authenticator.identify(bearerToken(request.rawHeaders, false));
    const workspace = await workspaces.fetch(seen.workspace);
    const plugin = workspace.spec.plugins?.find((each) => each.name === name);
    if (plugin?.headersFrom === undefined)
      throw new Refusal(
        'not_found',
        `AgentWorkspace ${workspace.metadata.name} has no plugin ${name} with headersFrom in spec.plugins.`,
      );
    const question = questionFor(plugin, part);
    Object.assign(seen, { plugin: name, part });
    const errand = { workspace, headersFrom: plugin.headersFrom, signal };
    await this.#answerTo(question, errand, (answer) =>
      passAnswer(answer, response, { signal, clock, idle }, undefined),
    );
  }

  /** A git server is shown the headers at once; a registry says first what it wants to be shown. */
  async #answerTo(
    question: Question,
    errand: Errand,
    pass: (answer: IncomingMessage) => Promise<void>,
  ): Promise<void> {
    const headers = await this.#headersFor(question.url, errand);
    const { scope } = question;
    if (scope === undefined) return this.#ask(question, headers, errand, pass);
    const { authorization, ...others } = headers;
    let challenge: ReturnType<typeof challengeOf>;
    await this.#ask(question, others, errand, async (answer) => {
      challenge =
        answer.statusCode === 401 ? challengeOf(answer.headers['www-authenticate'], scope) : undefined;
      if (challenge === undefined || authorization === undefined) await pass(answer);
      else answer.destroy();
    });
    if (challenge === undefined || authorization === undefined) return;
    const shown =
      challenge.kind === 'basic' ? authorization : `Bearer ${await this.#tokenFrom(challenge.url, errand)}`;
    await this.#ask(question, { ...others, authorization: shown }, errand, pass);
  }

  /** The Secret must also be for who gives the token: a registry says who that is. */
  async #tokenFrom(url: URL, errand: Errand): Promise<string> {
    const { clock } = this.#options;
    const headers = await this.#headersFor(url, errand);
    let token = '';
    await this.#ask({ url, method: 'GET', headers: {} }, headers, errand, async (answer) => {
      if (answer.statusCode !== 200) {
        answer.destroy();
        throw new Refusal(
          'bad_gateway',
          `${url.host} answered ${answer.statusCode} where it was asked for a token: see the Secret that headersFrom names.`,
        );
      }
      const bytes = await readAnswer(answer, { signal: errand.signal, clock, idle }, longestToken);
      token = tokenOf(bytes.toString('utf8'), url);
    });
    return token;
  }

  async #headersFor(url: URL, { workspace, headersFrom }: Errand): Promise<Record<string, string>> {
    const { namespace = '' } = workspace.metadata;
    const found = await this.#options.secrets.read(namespace, url, headersFrom);
    return Object.fromEntries(found.map(([name, value]) => [name.toLowerCase(), value]));
  }

  #ask(
    { url, method, headers, body }: Question,
    secret: Record<string, string>,
    { workspace, signal }: Errand,
    use: (answer: IncomingMessage) => Promise<void>,
  ): Promise<void> {
    return goingOut(this.#options, workspace, url, signal, async (connect) => {
      const socket = await connect();
      const all = { ...headers, ...secret };
      await use(
        await askOver({ url, socket, method, headers: all, body, signal, what: 'source of a plugin' }),
      );
    });
  }
}
