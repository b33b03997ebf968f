import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it, vi } from 'vitest';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { TurnFiles } from './turn-files.ts';

/** Never answers, and rejects with the reason of a signal. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

it.each([
  ['a session', undefined],
  ['a subagent without a memory', { disallowedTools: [], depth: 1 }],
])('what was read ahead for %s and nobody takes breaks nothing when it ends', async (_, subagent) => {
  const unhandled = vi.fn();
  process.on('unhandledRejection', unhandled);
  try {
    const host = {
      client: {
        collect: (_request: unknown, signal: AbortSignal) => untilAborted(signal),
        environment: untilAborted,
      },
      plugins: { load: untilAborted, problems: () => [] },
      mcp: { prepare: untilAborted },
      config: () => ({ permissions: { mode: 'default', allow: [], ask: [], deny: [] } }),
      log: pino({ level: 'silent' }),
      home: '/home/agent',
      readable: [],
      subagent,
    };
    const abort = new AbortController();
    const logs = { ledger: {} };
    new TurnFiles(
      'default',
      { host: host as unknown as SessionHost, logs: logs as SessionLogs },
      abort.signal,
    ).begin();
    abort.abort(new Error('no turn begins'));
    // Rejections that nobody handles are told once all that waits in this moment has run.
    await setImmediate();
    expect(unhandled).not.toHaveBeenCalled();
  } finally {
    process.off('unhandledRejection', unhandled);
  }
});
