import type { InboxRecord } from './inbox-record.ts';

/** Characters, as for a title that a person gives. */
const longest = 200;

/** The record of a title that a hook gave. Undefined: the session has it already, or it is none. */
export function titleRecord(
  given: string | undefined,
  current: string | undefined,
): Extract<InboxRecord, { type: 'title' }> | undefined {
  const title = (given ?? '').replace(/\s+/g, ' ').trim().slice(0, longest).toWellFormed().trim();
  return title === '' || title === current
    ? undefined
    : { type: 'title', title, at: new Date().toISOString() };
}
