import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Surroundings } from '../surroundings.ts';

const position = z.object({
  /** The workspace's UID: one of the same name that was made anew has another conversation. */
  uid: z.string(),
  /** The last event that was seen. */
  cursor: z.int().min(0),
  /** Entries of the transcript that were shown. */
  entries: z.int().min(0),
});
/** How far a person has followed a session. */
export type Position = z.infer<typeof position>;

export interface SessionName {
  server: string;
  namespace: string;
  workspace: string;
  session: string;
}

/** Where the position in a session is kept, per cluster: below `$XDG_STATE_HOME/dormouse`. */
export function positionFile(env: Record<string, string | undefined>, name: SessionName): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state');
  const parts = [new URL(name.server).host, name.namespace, name.workspace, `${name.session}.json`];
  return join(state, 'dormouse', 'attached', ...parts.map(encodeURIComponent));
}

/** undefined where there is none, or none that can be read: then it is as at the first time. */
export async function readPosition(
  { readFile }: Pick<Surroundings, 'readFile'>,
  file: string,
): Promise<Position | undefined> {
  try {
    return position.safeParse(JSON.parse(await readFile(file))).data;
  } catch {
    return undefined;
  }
}
