import Anthropic from '@anthropic-ai/sdk';
import {
  type AgentUsage,
  type AgentWorkspaceClass,
  agentWorkspaceClassSpec,
  defaultClassAnnotation,
} from '@dormouse/crds';
import {
  type ModelServer,
  type ModelServerOptions,
  startModelServer,
} from '../../../../test/support/model-server/server.ts';
import { World } from '../../testing/world.ts';

type ModelSpec = Partial<AgentWorkspaceClass['spec']['model']>;

const own = 'apis/dormouse.dev/v1alpha1';
export const key = 'the-provider-key';
/** The token of workspace `team/home`. */
export const token = 'home-token';

/** A gateway, a workspace that runs, its class, and a provider that takes one key. */
export class ModelWorld implements AsyncDisposable {
  readonly world: World;
  readonly provider: ModelServer;
  readonly #more: AsyncDisposable[] = [];

  static async open(
    settings: Record<string, string> = {},
    provider: ModelServerOptions = {},
  ): Promise<ModelWorld> {
    const server = await startModelServer({ apiKey: key, ...provider });
    const here = new ModelWorld(await World.open(settings), server);
    here.putKey(key);
    await here.putClass();
    here.world.put('Running');
    here.mount(token, 'home');
    return here;
  }

  private constructor(world: World, provider: ModelServer) {
    this.world = world;
    this.provider = provider;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
    await this.provider.close();
    for (const each of this.#more) await each[Symbol.asyncDispose]();
  }

  /** Closes it, too, in the end. */
  with<T extends AsyncDisposable>(more: T): T {
    this.#more.push(more);
    return more;
  }

  putKey(value: string | undefined, name = 'provider'): void {
    const objects = this.world.api.objects;
    if (value === undefined) objects.delete('api/v1/secrets', `dormouse-system/${name}`);
    else
      objects.put('api/v1/secrets', `dormouse-system/${name}`, {
        metadata: { namespace: 'dormouse-system', name },
        data: { 'api-key': Buffer.from(`${value}\n`).toString('base64') },
      } as never);
  }

  /** Resolves when the gateway has seen it. */
  async putClass(model: ModelSpec = {}, ceilings: object = {}): Promise<void> {
    const spec = agentWorkspaceClassSpec.parse({
      images: { agent: 'agent:1', workspace: 'workspace:1' },
      model: { baseUrl: this.provider.url, default: 'scripted', secretRef: { name: 'provider' }, ...model },
      ceilings,
    });
    this.world.api.objects.put(`${own}/agentworkspaceclasses`, 'standard', {
      metadata: { name: 'standard', annotations: { [defaultClassAnnotation]: 'true' } },
      spec,
    } as never);
    await this.world.shown('agentworkspaceclasses', { name: 'standard' });
  }

  /** Gives a token to the pod of that name as it is now. */
  mount(name: string, pod: string, audience = 'dormouse-gateway'): void {
    const uid = this.world.api.objects.get('api/v1/pods', `team/${pod}`)?.metadata.uid ?? 'none';
    this.world.podTokens.set(name, { audience, namespace: 'team', pod, uid });
  }

  get url(): string {
    return `http://127.0.0.1:${this.world.modelPort}`;
  }

  /** The SDK as agentd uses it. */
  client(authToken = token, baseURL = this.url): Anthropic {
    return new Anthropic({ baseURL, authToken, apiKey: null, maxRetries: 0 });
  }

  ask(
    text: string,
    more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {},
  ): Promise<Anthropic.Message> {
    return this.client().messages.stream(prompt(text, more)).finalMessage();
  }

  /** The bare request, with whatever headers and path. */
  fetch(path = '/v1/messages', init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(prompt('say: hello')),
      ...init,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'anthropic-version': '2023-06-01',
        ...init.headers,
      },
    });
  }

  get accounts(): AgentUsage['spec'][] {
    return this.world.api.objects.list(`${own}/agentusages`).map(({ spec }) => spec as AgentUsage['spec']);
  }
}

export function prompt(
  text: string,
  more: Partial<Anthropic.MessageCreateParamsNonStreaming> = {},
): Anthropic.MessageCreateParamsNonStreaming {
  return { model: 'scripted', max_tokens: 1024, messages: [{ role: 'user', content: text }], ...more };
}
