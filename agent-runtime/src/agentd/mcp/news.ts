import { hashOf } from '../context/memory/file.ts';
import { toldFiles } from '../context/told.ts';
import type { TranscriptEntry } from '../session/entry.ts';
import type { NewEntry } from '../session/write-entry.ts';

/** What the note is remembered by, beside the files that reminders tell of. */
const path = 'mcp:servers';

/** The entry that tells of the servers, where it says other than the last one did. */
export function mcpNews(note: string | undefined, entries: readonly TranscriptEntry[]): NewEntry | undefined {
  const told = toldFiles(entries).get(path);
  if (note === undefined && told === undefined) return undefined;
  const text =
    note ?? '<system-reminder>\nThere is nothing to say of MCP servers any more.\n</system-reminder>';
  const hash = hashOf(text);
  if (told === hash) return undefined;
  return { message: { role: 'user', content: [{ type: 'text', text }] }, contextFiles: [{ path, hash }] };
}
