import { CallSuspended, type Later } from '../tools/tool.ts';
import { putQuestion, questionOf } from './ask-meanwhile.ts';
import type { InboxRecord } from './inbox-record.ts';
import type { RoundContext } from './tool-round.ts';

/**
 * How a call waits for a person for as long as it takes. What it needs and its questions are on disk, nothing is in memory: the turn
 * waits as for an approval, the workspace may sleep, and the tool is run again when somebody has answered, which finds the answers.
 */
export function laterFor(round: RoundContext, toolUseId: string): Later {
  const { logs, host, signal } = round;
  const { ledger } = logs;
  const write = (record: InboxRecord) => host.health.insist(signal, () => logs.appendRecords(record));
  const now = () => new Date().toISOString();
  let at = 0;
  return {
    kept: ledger.suspended.get(toolUseId)?.state,
    async keep(state) {
      await write({ type: 'suspended', toolUseId, at: now(), state });
      at = 0;
    },
    async ask(tool, summary, questions) {
      const id = ledger.suspended.get(toolUseId)?.questions[at];
      at += 1;
      const decision = id === undefined ? undefined : ledger.approvals.get(id)?.decision;
      if (decision !== undefined) return decision;
      if (id === undefined)
        await putQuestion(round, questionOf(round, { toolUseId, tool }, summary, questions));
      throw new CallSuspended();
    },
    asked: () => ledger.suspended.get(toolUseId)?.questions[at] !== undefined,
    goOn: () => write({ type: 'tool', toolUseId, at: now() }),
  };
}
