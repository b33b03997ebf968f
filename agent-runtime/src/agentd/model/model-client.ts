import { z } from 'zod';
import type { ApiMessage } from '../session/conversation.ts';
import type { ToolDeclaration } from '../tools/registry.ts';
import type { Effort } from './effort.ts';
import { HttpFetch } from './http-fetch.ts';
import type { BetaMessages, Messages } from './sdk.ts';

export interface ModelRequest {
  model: string;
  system: string;
  tools: ToolDeclaration[];
  messages: ApiMessage[];
  /** Absent: the model's usual one. */
  effort?: Effort;
  /** Asks for a summary of the conversation in place of an answer to it. */
  compaction?: { instructions?: string };
}

/** The answer, as it goes into the transcript. Blocks that are not known are kept as they came. */
const modelAnswer = z.looseObject({
  id: z.string(),
  model: z.string(),
  role: z.literal('assistant'),
  content: z.array(z.looseObject({ type: z.string() })),
  stop_reason: z.string().nullable(),
  usage: z.looseObject({ input_tokens: z.int().min(0), output_tokens: z.int().min(0) }),
});
export type ModelAnswer = z.infer<typeof modelAnswer>;

export interface StreamOptions {
  signal: AbortSignal;
  onText: (text: string) => void;
  /** How often this request has failed before. */
  retries: number;
}

/** One request to the model. Rejects with an error for `classify` when the answer does not come to its end. */
export interface Model {
  stream(request: ModelRequest, options: StreamOptions): Promise<ModelAnswer>;
}

/** Every model since Claude 4 takes it; an answer that is longer goes on in the next one. */
const maxOutputTokens = 16_384;
/** Milliseconds without a byte of the answer, where a provider says every few seconds that it is still there. */
const silenceMs = 300_000;
const ephemeral = { type: 'ephemeral' } as const;
/** Compaction on demand: asked for by `compaction`, answered by a signed block that later requests begin with. */
const compactionBeta = 'compact-2026-09-04';

/** What a request shows to be let in, read afresh for each: it changes. */
export interface Bearer {
  read(): Promise<string>;
}

/** The Messages API through the SDK, which is loaded with the first request: 80 ms that a wake does not wait for. */
export class MessagesModel implements Model {
  readonly #baseUrl: () => string;
  readonly #bearer: Bearer;
  readonly #http = new HttpFetch(silenceMs);
  /** The client of the last request; making one takes 0.5 ms. */
  #client: { of: string; messages: Messages; beta: BetaMessages } | undefined;

  constructor(baseUrl: () => string, bearer: Bearer) {
    this.#baseUrl = baseUrl;
    this.#bearer = bearer;
  }

  async stream(request: ModelRequest, { signal, onText, retries }: StreamOptions): Promise<ModelAnswer> {
    const { messages, beta } = await this.#open();
    const body = {
      model: request.model,
      max_tokens: maxOutputTokens,
      system: [{ type: 'text' as const, text: request.system, cache_control: ephemeral }],
      tools: request.tools.map((tool, index) =>
        index === request.tools.length - 1 ? { ...tool, cache_control: ephemeral } : tool,
      ),
      // Blocks go back as they came; which there are is the API's business.
      messages: request.messages as never,
      ...(request.effort !== undefined && { output_config: { effort: request.effort } }),
    };
    const options = { signal, headers: { 'x-stainless-retry-count': String(retries) } };
    const betas = [compactionBeta];
    if (request.compaction !== undefined) {
      const compaction = { type: 'summarize' as const, ...request.compaction };
      // In one piece: the signature must come back as it was, and a stream has no event for it.
      return modelAnswer.parse(await beta.create({ ...body, betas, compaction }, options));
    }
    if (request.messages[0]?.content[0]?.type === 'compaction') {
      const stream = beta.stream({ ...body, betas }, options).on('text', onText);
      return modelAnswer.parse(await stream.finalMessage());
    }
    const stream = messages.stream(body, options).on('text', onText);
    // Rejects unless the stream came to its `message_stop`.
    return modelAnswer.parse(await stream.finalMessage());
  }

  async #open(): Promise<{ messages: Messages; beta: BetaMessages }> {
    const [{ BaseAnthropic, Messages, BetaMessages }, authToken] = await Promise.all([
      import('./sdk.ts'),
      this.#bearer.read(),
    ]);
    const baseURL = this.#baseUrl();
    const of = `${baseURL} ${authToken}`;
    if (this.#client?.of !== of) {
      const client = new BaseAnthropic({
        ...{ baseURL, authToken },
        // The SDK would look for one in the environment and in files.
        apiKey: null,
        fetch: this.#http.fetch,
        maxRetries: 0,
        openTelemetry: false,
        logLevel: 'off',
      });
      this.#client = { of, messages: new Messages(client), beta: new BetaMessages(client) };
    }
    return this.#client;
  }
}
