import type { IncomingMessage } from 'node:http';
import { pluginRelayPath } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { parseRequestPath } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';
import { packQuestion } from './git-pack.ts';

export type Plugin = NonNullable<AgentWorkspace['spec']['plugins']>[number];

/** A part of a plugin that somebody asks for: `pack` of a git repository, `manifests/sha256:…` or `blobs/sha256:…` of a registry. */
export interface Part {
  plugin: string;
  part: string;
}

/** What is to be asked elsewhere for a part. */
export interface Question {
  url: URL;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** Of a registry: what a token has to be good for. */
  scope?: string;
}

const manifests = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];

/** @throws Refusal */
export function partOf({ method = '', url }: IncomingMessage): Part {
  const { segments, query } = parseRequestPath(url);
  const [, , plugin = '', ...rest] = segments;
  const part = rest.join('/');
  const isPart = part === 'pack' || /^(?:manifests|blobs)\/sha256:[0-9a-f]{64}$/.test(part);
  if (!/^[a-z0-9-]{1,63}$/.test(plugin) || !isPart || query !== '')
    throw new Refusal(
      'not_found',
      `Workspaces can ask for ${pluginRelayPath}NAME/pack, …/manifests/sha256:DIGEST and …/blobs/sha256:DIGEST here.`,
    );
  if (method !== 'GET') throw new Refusal('method_not_allowed', 'This path takes GET.', { allow: 'GET' });
  return { plugin, part };
}

/** Only what the spec of the workspace pins can be asked for, so a request says no more than which part. @throws Refusal */
export function questionFor({ name, git, oci }: Plugin, part: string): Question {
  if (git !== undefined && part === 'pack') {
    const { path, headers, body } = packQuestion(git.commit);
    if (!URL.canParse(git.url)) throw new Refusal('invalid', `${git.url} is no URL.`);
    const url = new URL(git.url);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
    return { url, method: 'POST', headers, body };
  }
  const [reference = '', pinned] = (oci ?? '').split('@');
  const isPinned = part.startsWith('blobs/') || part === `manifests/${pinned}`;
  if (oci === undefined || !isPinned)
    throw new Refusal('not_found', `${part} is no part of the plugin ${name} as spec.plugins pins it.`);
  const slash = reference.indexOf('/');
  const [host, repository] = [reference.slice(0, slash), reference.slice(slash + 1)];
  return {
    url: new URL(`https://${host}/v2/${repository}/${part}`),
    method: 'GET',
    headers: part.startsWith('manifests/') ? { accept: manifests.join(', ') } : {},
    scope: `repository:${repository}:pull`,
  };
}
