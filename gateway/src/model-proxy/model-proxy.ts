import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import type { Clock } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import type { Span } from '../telemetry/tracing.ts';
import { modelRefusal } from './allowed-models.ts';
import { answerInstead, passAnswer, readAnswer, silent } from './answer.ts';
import type { BodyMemory } from './body.ts';
import {
  BudgetSpentError,
  type Call,
  type Charge,
  costLimitOf,
  type Hold,
  highestPrice,
  type Ledger,
  priceOf,
  pricesOf,
  untilTomorrow,
} from './ledger/index.ts';
import type { ModelAdmission } from './model-door.ts';
import { allowedPage, readModelList, readModelPage, wholeListQuery } from './model-list.ts';
import { type ModelRequest, readModelRequest } from './model-request.ts';
import { type Answered, hostOf, type ProviderChoice, type ProviderKeys } from './provider/index.ts';
import { ErrorReader, mostInput, type Reader, readerOf, SeenUsage } from './usage/index.ts';

/** Milliseconds and bytes. */
export interface ModelLimits {
  /** Until a provider takes the connection. */
  connect: number;
  /** Without a byte of the answer. */
  idle: number;
  /** From the request to the last byte. */
  total: number;
  body: number;
}

export interface ModelProxyOptions {
  choice: Pick<ProviderChoice, 'ask'>;
  keys: Pick<ProviderKeys, 'refused'>;
  ledger: Pick<Ledger, 'reserve' | 'settle'>;
  memory: BodyMemory;
  clock: Clock;
  limits: ModelLimits;
}

/** Bytes of a list of models that is to be narrowed. */
const longestList = 8 << 20;

/** What is told of a call, in audit lines and metrics; grows as it goes on. */
export interface CallReport {
  model?: string;
  /** Host of the provider that was asked last. */
  provider?: string;
  /** How many providers were asked. */
  asked: number;
  usage?: Charge;
}

export interface ModelExchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Aborts when the client is gone, or the gateway gives the call up. */
  signal: AbortSignal;
  report: CallReport;
  span: Span;
}

/** Asks a provider for a workspace: under the provider's key, within the workspace's limits, and counts what came. */
export class ModelProxy {
  readonly #options: ModelProxyOptions;

  constructor(options: ModelProxyOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the answer is complete.
   * @throws Refusal; KubeError where the API server cannot say; the signal's reason.
   */
  async serve(admission: ModelAdmission, exchange: ModelExchange): Promise<void> {
    const { memory, clock, limits } = this.#options;
    const over = new AbortController();
    const cancel = clock.schedule(limits.total, () =>
      over.abort(new Refusal('gateway_timeout', `The call was not over after ${limits.total} ms.`)),
    );
    const signal = AbortSignal.any([exchange.signal, over.signal]);
    try {
      const { body, release } = await memory.read(exchange.request, limits.body, signal);
      try {
        await this.#serve(admission, { ...exchange, signal }, body);
      } finally {
        release();
      }
    } finally {
      cancel();
    }
  }

  async #serve(admission: ModelAdmission, exchange: ModelExchange, body: Buffer): Promise<void> {
    const { route, class: of } = admission;
    const asked = route.method === 'POST' ? readModelRequest(body, route.charged) : undefined;
    const model = asked?.model ?? route.model;
    if (model !== undefined) {
      exchange.report.model = model;
      const refusal = modelRefusal(of, model);
      if (refusal !== undefined) throw refusal;
    }
    if (asked !== undefined && route.charged) await this.#charged(admission, exchange, body, asked);
    else if (route.name === '/v1/models' && of.spec.model.allowed !== undefined)
      await this.#list(admission, exchange, of.spec.model.allowed);
    else await this.#answer(admission, exchange, asked && body, undefined);
  }

  /** The provider's list, narrowed to what the class allows. */
  async #list(
    { route, class: of }: ModelAdmission,
    exchange: ModelExchange,
    allowed: readonly string[],
  ): Promise<void> {
    const { clock, limits } = this.#options;
    const { response, signal } = exchange;
    const page = readModelPage(route.query);
    const narrowed = { ...route, query: wholeListQuery(route.query) };
    const answered = await this.#ask({ route: narrowed, class: of }, exchange, undefined, undefined);
    if (answered.answer.statusCode !== 200) return this.#pass(answered, exchange, undefined);
    const patience = { signal, clock, idle: limits.idle };
    const list = readModelList(await readAnswer(answered.answer, patience, longestList));
    answerInstead(answered.answer, response, allowedPage(list, allowed, page));
  }

  /** Reserves the most that the call may come to, and settles it with what it came to, however it ends. */
  async #charged(
    admission: ModelAdmission,
    exchange: ModelExchange,
    body: Buffer,
    { model, maxTokens }: ModelRequest,
  ): Promise<void> {
    const { ledger } = this.#options;
    const prices = pricesOf(admission.class, model);
    const most = { inputTokens: mostInput(body.length), outputTokens: maxTokens };
    const hold = await this.#reserve(admission, model, { ...most, cost: highestPrice(most, prices) });
    const seen = new SeenUsage();
    try {
      await this.#answer(admission, exchange, body, seen);
    } finally {
      const usage = seen.total(most);
      const charge = usage && { ...usage, cost: priceOf(usage, prices) };
      if (charge !== undefined) exchange.report.usage = charge;
      // Nobody waits for it: the next call of this workspace is written after it. It never rejects.
      void ledger.settle(hold, charge);
    }
  }

  async #reserve(admission: ModelAdmission, model: string, most: Call['most']): Promise<Hold> {
    const { ledger, clock, limits } = this.#options;
    const { workspace, class: of, tokensPerDay } = admission;
    const cost = costLimitOf(of);
    if (cost !== undefined && pricesOf(of, model) === undefined)
      throw new Refusal(
        'invalid',
        `AgentWorkspaceClass ${of.metadata.name} limits what is spent and has no price for the model ${JSON.stringify(model)}. Name another model, or have the price added to spec.model.prices.`,
      );
    const { namespace, name, uid } = workspace;
    try {
      return await ledger.reserve({
        id: randomUUID(),
        workspace: { namespace, name, uid },
        className: of.metadata.name,
        most,
        longest: limits.total,
        limits: { tokens: tokensPerDay, cost },
      });
    } catch (error) {
      if (!(error instanceof BudgetSpentError)) throw error;
      throw budgetRefusal(error, admission, clock.now());
    }
  }

  /** Asks, and passes the answer on. `seen` learns what it came to. */
  async #answer(
    admission: ModelAdmission,
    exchange: ModelExchange,
    body: Buffer | undefined,
    seen: SeenUsage | undefined,
  ): Promise<void> {
    const answered = await this.#ask(admission, exchange, body, seen);
    if (answered.answer.statusCode !== 200) seen?.nothing();
    await this.#pass(answered, exchange, seen);
  }

  async #ask(
    { route, class: of }: Pick<ModelAdmission, 'route' | 'class'>,
    { request, signal, report, span }: ModelExchange,
    body: Buffer | undefined,
    seen: SeenUsage | undefined,
  ): Promise<Answered> {
    const { clock, limits } = this.#options;
    const waiting = new AbortController();
    const cancel = clock.schedule(limits.idle, () => waiting.abort(silent(limits.idle)));
    const either = AbortSignal.any([signal, waiting.signal]);
    try {
      const question = {
        method: route.method,
        path: route.path + route.query,
        rawHeaders: request.rawHeaders,
        body,
        signal: either,
        connect: limits.connect,
      };
      return await this.#options.choice.ask(of, question, (provider) => {
        report.provider = hostOf(provider);
        report.asked += 1;
        seen?.begin();
        return span.child('provider', {
          'server.address': hostOf(provider),
          'gen_ai.request.model': report.model ?? '',
        });
      });
    } catch (error) {
      if (either.aborted) throw either.reason;
      seen?.nothing();
      throw error;
    } finally {
      cancel();
    }
  }

  #pass(answered: Answered, { response, signal }: ModelExchange, seen: SeenUsage | undefined): Promise<void> {
    const { clock, limits } = this.#options;
    const patience = { signal, clock, idle: limits.idle };
    return passAnswer(answered.answer, response, patience, this.#readerOf(answered, seen));
  }

  #readerOf({ provider, key, answer }: Answered, seen: SeenUsage | undefined): Reader | undefined {
    if (answer.statusCode === 401 && key !== undefined)
      return new ErrorReader((said) => this.#options.keys.refused(provider, key, said));
    return seen !== undefined && answer.statusCode === 200 ? readerOf(answer, seen) : undefined;
  }
}

function budgetRefusal(
  { of, later, charged }: BudgetSpentError,
  admission: ModelAdmission,
  now: number,
): Refusal {
  const { workspace, class: found, tokensPerDay } = admission;
  const className = found.metadata.name;
  const whose =
    of === 'tokens'
      ? `AgentWorkspace ${workspace.namespace}/${workspace.name} may use ${tokensPerDay} tokens a day (spec.agent.maxTokensPerDay, within spec.ceilings of AgentWorkspaceClass ${className})`
      : `All workspaces of AgentWorkspaceClass ${className} may spend ${found.spec.model.maxCostPerDay} a day (spec.model.maxCostPerDay)`;
  // As little as is said of money is said of what others spent.
  const used = of === 'tokens' ? ` and has used ${charged}` : ', and that is spent';
  if (later)
    return new Refusal(
      'too_many',
      `${whose}; what is left is reserved by calls under way. Try again when they are over.`,
      { 'retry-after': '5' },
    );
  const tomorrow = untilTomorrow(now);
  return new Refusal(
    'too_many',
    `${whose}${used}. It begins anew at ${new Date(now + tomorrow).toISOString().slice(0, 16)}Z; or raise the limit.`,
    {
      [reasonHeader]: of === 'tokens' ? 'TokenBudgetSpent' : 'CostBudgetSpent',
      'retry-after': String(Math.ceil(tomorrow / 1000)),
      'x-should-retry': 'false',
    },
  );
}
