import type { Sessions } from '../session/sessions.ts';
import type { AppendLog } from '../storage/append-log.ts';
import type { Subagents } from '../subagents/subagents.ts';

/** The logs that a checkpoint names a prefix of, by their path below `state`. */
export function checkpointedLogs(
  background: AppendLog,
  sessions: Sessions,
  subagents: Subagents,
): Map<string, AppendLog> {
  const logs = new Map([['background.jsonl', background]]);
  for (const { id, logs: session } of sessions.all()) {
    logs.set(`transcripts/${id}.jsonl`, session.transcript);
    logs.set(`inbox/${id}.jsonl`, session.inbox);
  }
  for (const { record, session } of subagents.all()) {
    const path = `${record.session}/subagents/agent-${record.id}.jsonl`;
    if (session.logs.transcript.length > 0) logs.set(`transcripts/${path}`, session.logs.transcript);
    logs.set(`inbox/${path}`, session.logs.inbox);
  }
  return logs;
}
