import { posix } from 'node:path';
import { paths } from '@dormouse/agent-runtime/protocol';

/** A file or folder: of a workspace, or of this machine. */
export interface Place {
  workspace?: string;
  /** Of a workspace: absolute. */
  path: string;
}

/** `NAME:PATH` is in a workspace, its path relative to the home; anything else is on this machine. */
export function parsePlace(text: string): Place {
  const [, workspace, path = ''] = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?):(.*)$/s.exec(text) ?? [];
  if (workspace === undefined) return { path: text };
  const inHome = path.replace(/^~(\/+|$)/, '');
  return { workspace, path: posix.resolve(paths.home, inHome) };
}
