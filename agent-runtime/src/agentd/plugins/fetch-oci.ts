import { createHash } from 'node:crypto';
import { z } from 'zod';
import { readArchive } from './archive.ts';
import { boundedBytes } from './bounded-bytes.ts';
import { PluginError, type PluginTree, pluginLimits } from './tree.ts';

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;
/** Asks the gateway for a part of a plugin: it knows where it lies, and as whom it may be read. */
export type Relay = (part: string, signal: AbortSignal) => Promise<Response>;

const timeoutMs = 60_000;
const maxManifestBytes = 4 * 1024 * 1024;
const accepted = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

const manifestSchema = z.object({
  layers: z.array(z.object({ mediaType: z.string(), digest: z.string(), size: z.int().min(0) })).min(1),
});
const tokenSchema = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/**
 * An OCI artifact whose one layer is a `.tar.gz` of the plugin's folder, by the registry's HTTP API. Manifest and layer are held
 * against their digests, so the way there need not be trusted. Where the registry wants a token, one for anybody is asked for; with
 * `relay` the gateway asks for it. Throws `PluginError`.
 */
export async function fetchOci(
  { reference, digest }: { reference: string; digest: string },
  fetch: Fetch,
  signal: AbortSignal,
  relay?: Relay,
): Promise<PluginTree> {
  const [, host, repository] = /^([^/\s]+)\/([a-z0-9._/-]+)$/.exec(reference) ?? [];
  if (host === undefined || repository === undefined)
    throw new PluginError(`${reference} is no reference such as registry.example.com/plugins/review`);
  const scheme = /^(?:localhost|127\.0\.0\.1)(?::\d+)?$/.test(host) ? 'http' : 'https';
  const registry = new Registry(
    `${scheme}://${host}`,
    repository,
    fetch,
    AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    relay,
  );
  try {
    const manifest = await registry.get(`manifests/sha256:${digest}`, digest, maxManifestBytes, accepted);
    const { layers } = manifestOf(manifest);
    const [layer, ...others] = layers;
    if (layer === undefined || others.length > 0)
      throw new PluginError(
        `the artifact has ${layers.length} layers: a plugin has one, a .tar.gz of its folder`,
      );
    const [, hash = ''] = /^sha256:([0-9a-f]{64})$/.exec(layer.digest) ?? [];
    if (layer.size > pluginLimits.bytes)
      throw new PluginError(`its layer has more than ${pluginLimits.bytes} bytes`);
    return await readArchive(await registry.get(`blobs/sha256:${hash}`, hash, pluginLimits.bytes, []));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PluginError) throw error;
    throw new PluginError(`${reference} cannot be fetched: ${(error as Error).message}`);
  }
}

class Registry {
  readonly #base: string;
  readonly #repository: string;
  readonly #fetch: Fetch;
  readonly #signal: AbortSignal;
  readonly #relay: Relay | undefined;
  #token: string | undefined;

  constructor(base: string, repository: string, fetch: Fetch, signal: AbortSignal, relay: Relay | undefined) {
    this.#base = base;
    this.#repository = repository;
    this.#fetch = fetch;
    this.#signal = signal;
    this.#relay = relay;
  }

  async get(path: string, sha256: string, maxBytes: number, accept: readonly string[]): Promise<Buffer> {
    const url = `${this.#base}/v2/${this.#repository}/${path}`;
    let response =
      this.#relay === undefined ? await this.#ask(url, accept) : await this.#relay(path, this.#signal);
    const challenge = this.#relay === undefined ? response.headers.get('www-authenticate') : null;
    if (response.status === 401 && challenge !== null && this.#token === undefined) {
      await response.body?.cancel();
      this.#token = await this.#tokenFor(challenge);
      response = await this.#ask(url, accept);
    }
    // Large registries keep blobs elsewhere. Who gets there needs no token, and must not be shown one.
    for (let hops = 0; [301, 302, 303, 307, 308].includes(response.status) && hops < 5; hops += 1) {
      const from = this.#relay === undefined || hops > 0 ? response.url || url : url;
      const next = new URL(response.headers.get('location') ?? '', from);
      await response.body?.cancel();
      response = await this.#fetch(next.href, { signal: this.#signal });
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new PluginError(`${url} answered ${response.status}${adviceOn(response.status, this.#relay)}`);
    }
    const bytes = await boundedBytes(response, maxBytes);
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== sha256)
      throw new PluginError(`${url} has the digest sha256:${found}, not the one that is pinned`);
    return bytes;
  }

  #ask(url: string, accept: readonly string[]): Promise<Response> {
    const headers = [
      ...accept.map((type): [string, string] => ['accept', type]),
      ...(this.#token === undefined ? [] : [['authorization', `Bearer ${this.#token}`] as [string, string]]),
    ];
    return this.#fetch(url, { headers, signal: this.#signal });
  }

  async #tokenFor(challenge: string): Promise<string> {
    const field = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
    const realm = field('realm');
    if (!challenge.toLowerCase().startsWith('bearer ') || realm === undefined)
      throw new PluginError(`the registry wants a sign-in that is not supported: ${challenge.slice(0, 200)}`);
    const url = new URL(realm);
    const service = field('service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', field('scope') ?? `repository:${this.#repository}:pull`);
    const response = await this.#fetch(url.href, { signal: this.#signal });
    const parsed = tokenSchema.safeParse(
      JSON.parse((await boundedBytes(response, 1024 * 1024)).toString('utf8')),
    );
    const token = parsed.data?.token ?? parsed.data?.access_token;
    if (token === undefined) throw new PluginError(`${url.host} gives nobody a token for this artifact`);
    return token;
  }
}

/** What to do where somebody may not read something. */
export function adviceOn(status: number, relay: Relay | undefined): string {
  if (status !== 401 && status !== 403) return '';
  return relay === undefined
    ? ' (where only some may read it, headersFrom of the plugin says as whom)'
    : ' (see the Secret that headersFrom of the plugin names)';
}

function manifestOf(bytes: Buffer): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    throw new PluginError('the digest is that of no artifact with one layer (an index has none itself)');
  }
}
