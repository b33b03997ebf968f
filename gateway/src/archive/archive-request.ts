import { parseRequestPath } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';

/** Kinds of files of a restic repository besides `config`. */
const kinds = ['data', 'index', 'keys', 'locks', 'snapshots'] as const;
export type ObjectKind = (typeof kinds)[number];

/** What is asked for of a repository. */
export type ArchiveTarget =
  /** Nothing has to be made: a bucket has no folders. */
  | { is: 'repository' }
  | { is: 'config' }
  | { is: 'list'; kind: ObjectKind }
  /** `name` is the SHA-256 of what the file holds. */
  | { is: 'object'; kind: ObjectKind; name: string };

export interface ArchiveRequest {
  /** `NAMESPACE/WORKSPACE/UID`. */
  repository: string;
  target: ArchiveTarget;
}

const part = /^[a-z0-9][-a-z0-9]{0,62}$/;
const hash = /^[0-9a-f]{64}$/;

/**
 * Reads the path of a request: restic's REST protocol, below `/v1/archives/NAMESPACE/WORKSPACE/UID/`.
 * @see https://restic.readthedocs.io/en/stable/REST_backend.html
 * @throws Refusal `invalid` or `not_found`
 */
export function archiveRequestOf(url: string | undefined): ArchiveRequest {
  const { segments } = parseRequestPath(url);
  const [version, archives, namespace = '', workspace = '', uid = '', first = '', name = '', ...rest] =
    segments;
  const known =
    version === 'v1' &&
    archives === 'archives' &&
    [namespace, workspace, uid].every((each) => part.test(each)) &&
    rest.length === 0;
  const target = known ? targetOf(first, name, segments.length) : undefined;
  if (target === undefined)
    throw new Refusal('not_found', 'Archives are at /v1/archives/NAMESPACE/WORKSPACE/UID/ here.');
  return { repository: `${namespace}/${workspace}/${uid}`, target };
}

function targetOf(first: string, name: string, segments: number): ArchiveTarget | undefined {
  if (first === '' && segments <= 6) return { is: 'repository' };
  if (first === 'config' && segments === 6) return { is: 'config' };
  const kind = kinds.find((each) => each === first);
  if (kind === undefined) return undefined;
  if (name === '') return { is: 'list', kind };
  return hash.test(name) ? { is: 'object', kind, name } : undefined;
}

/** The key of an object in the bucket: as restic itself lays a repository out in one, so that it can be opened without a gateway. */
export function objectKey({ repository, target }: ArchiveRequest, prefix: string | undefined): string {
  const root = prefix === undefined ? repository : `${prefix}/${repository}`;
  switch (target.is) {
    case 'repository':
      return `${root}/`;
    case 'config':
      return `${root}/config`;
    case 'list':
      return `${root}/${target.kind}/`;
    case 'object': {
      const { kind, name } = target;
      return kind === 'data' ? `${root}/data/${name.slice(0, 2)}/${name}` : `${root}/${kind}/${name}`;
    }
  }
}
