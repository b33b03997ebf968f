import { expect, it } from 'vitest';
import type { TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import { Ledger } from './ledger.ts';
import type { SessionLogs } from './logs.ts';
import { Session } from './session.ts';
import { noUsage } from './usage.ts';

const at = '2026-11-28T10:00:00.000Z';
const entry = (uuid: string, role: 'user' | 'assistant', more: object = {}): TranscriptEntry => ({
  ...{ type: role, uuid, parentUuid: null, sessionId: 'main', timestamp: at, cwd: '/', version: '0' },
  ...{ gitBranch: '', isSidechain: false, message: { role, content: `text of ${uuid}` }, ...more },
});

it('the record of a message that is settled while its turn is read has the reply', async () => {
  const transcript = [entry('prompt', 'user', { messageKey: 'm1' })];
  const ledger = new Ledger();
  ledger.foldRecord({ type: 'message', key: 'm1', session: 'main', text: 'hi', receivedAt: at });
  ledger.foldEntry(transcript[0] as TranscriptEntry, 0);
  const logs = {
    ledger,
    async turn() {
      const read = [...transcript];
      if (transcript.length === 1) {
        transcript.push(entry('answer', 'assistant'));
        ledger.foldRecord({
          ...{ type: 'settled', key: 'm1', phase: 'Completed', at, usage: noUsage, replyEntry: 'answer' },
        });
      }
      return read;
    },
  };
  const session = new Session('main', logs as unknown as SessionLogs, {} as SessionHost);
  expect(await session.recordOf('m1')).toMatchObject({
    phase: 'Completed',
    reply: { text: 'text of answer', entry: 'answer' },
  });
});
