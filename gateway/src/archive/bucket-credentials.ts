import type { AgentWorkspaceClass } from '@dormouse/crds';
import { type Clock, type KubeClient, NotFoundError, resources } from '@dormouse/operator/kube';
import { RememberedAnswers } from '../auth/index.ts';
import { Refusal } from '../http/refusal.ts';

/** Where the archives of a class are, as its spec says. */
type ArchiveSpec = NonNullable<AgentWorkspaceClass['spec']['archive']>;
export interface BucketSpec extends ArchiveSpec {
  bucket: string;
  endpoint: string;
  region: string;
  credentialsSecretRef: { name: string };
}

/** Undefined where archives do not go into a bucket. */
export function bucketOf(archive: ArchiveSpec | undefined): BucketSpec | undefined {
  const { bucket, endpoint, credentialsSecretRef, region = 'us-east-1' } = archive ?? {};
  if (archive === undefined || bucket === undefined) return undefined;
  if (endpoint === undefined || credentialsSecretRef === undefined) return undefined;
  return { ...archive, bucket, endpoint, region, credentialsSecretRef };
}

/** What requests are signed with. */
export interface BucketCredentials {
  accessKeyId: string;
  secretAccessKey: string;
}

export interface CredentialReaderOptions {
  kube: Pick<KubeClient, 'get'>;
  clock: Clock;
  /** Of the Secrets that classes name. */
  namespace: string;
}

/** Milliseconds: how soon a replaced Secret is noticed, and how soon one that was missing. */
const lifetime = { found: 5_000, missing: 2_000 };
const limit = 1_024;

/** Reads the credentials of buckets from their Secrets, and remembers them for seconds: new ones count without anybody being told. */
export class CredentialReader {
  readonly #options: CredentialReaderOptions;
  readonly #answers: RememberedAnswers<BucketCredentials | undefined>;

  constructor(options: CredentialReaderOptions) {
    this.#options = options;
    this.#answers = new RememberedAnswers({
      clock: options.clock,
      limit,
      questions: limit,
      lifetime: (found) => (found === undefined ? lifetime.missing : lifetime.found),
      overloaded: () =>
        new Refusal('unavailable', 'Too many Secrets are being read.', { 'retry-after': '1' }),
    });
  }

  /** @throws Refusal `forbidden` that says what to mend; KubeError where the Secret cannot be read now. */
  async read({ credentialsSecretRef }: BucketSpec, className: string): Promise<BucketCredentials> {
    const { namespace } = this.#options;
    const { name } = credentialsSecretRef;
    const found = await this.#answers.ask(name, () => this.#read(name));
    if (found !== undefined) return found;
    throw new Refusal(
      'forbidden',
      `There is no Secret ${namespace}/${name} with the entries access-key-id and secret-access-key: create it. AgentWorkspaceClass ${className} names it in spec.archive.`,
    );
  }

  async #read(name: string): Promise<BucketCredentials | undefined> {
    const { kube, namespace } = this.#options;
    try {
      const data = (await kube.get(resources.secrets, { namespace, name })).data as
        | Record<string, string>
        | undefined;
      // A trailing line break is what `kubectl create secret --from-file` brings along.
      const text = (entry: string) =>
        Buffer.from(data?.[entry] ?? '', 'base64')
          .toString()
          .trim();
      const credentials = { accessKeyId: text('access-key-id'), secretAccessKey: text('secret-access-key') };
      return credentials.accessKeyId === '' || credentials.secretAccessKey === '' ? undefined : credentials;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}
