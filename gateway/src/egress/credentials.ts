import { createHash, timingSafeEqual } from 'node:crypto';
import { egressKey } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { keyOf } from '@dormouse/operator/kube';
import type { WorkspaceName } from '../auth/index.ts';
import { EgressRefusal } from './refusal.ts';

/** Which workspace asks, by the key in `Proxy-Authorization`. Where a connection comes from says nothing. */
export class Credentials {
  readonly #masterKey: Uint8Array;
  readonly #workspace: (name: WorkspaceName) => AgentWorkspace | undefined;

  constructor(masterKey: Uint8Array, workspace: (name: WorkspaceName) => AgentWorkspace | undefined) {
    this.#masterKey = masterKey;
    this.#workspace = workspace;
  }

  /** @throws EgressRefusal `unauthorized`, the same for a workspace that does not exist as for a wrong key. */
  identify(header: string | undefined): AgentWorkspace {
    const { name, key } = basic(header);
    const workspace = this.#workspace(name);
    const expected = egressKey(this.#masterKey, workspace?.metadata ?? { ...name, uid: '' });
    if (!sameText(key, expected) || workspace === undefined)
      throw unauthorized(
        `This is not the key of AgentWorkspace ${keyOf(name)}. It changes when a workspace is made anew or the master key is replaced, and is in HTTPS_PROXY after the workspace's next sleep.`,
      );
    return workspace;
  }
}

const names = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\.([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)$/;

function basic(header: string | undefined): { name: WorkspaceName; key: string } {
  const [, encoded] = /^basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(header ?? '') ?? [];
  const [user = '', key = '', ...more] = Buffer.from(encoded ?? '', 'base64')
    .toString()
    .split(':');
  const [, namespace, name] = names.exec(user) ?? [];
  if (namespace === undefined || name === undefined || more.length > 0)
    throw unauthorized(
      'The proxy takes the user and the key that Dormouse puts into HTTPS_PROXY of each workspace.',
    );
  return { name: { namespace, name }, key };
}

/** In a time that says nothing of where the two differ. */
function sameText(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

function unauthorized(message: string): EgressRefusal {
  return new EgressRefusal('unauthorized', message);
}
