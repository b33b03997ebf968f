import type { RestoreState } from '@dormouse/agent-runtime/protocol';
import { describe, expect, it } from 'vitest';
import { restoredFinding } from './restored.ts';

const surrounding = (asked: string, given: string) =>
  ({
    status: { className: 'standard', checkpoint: {} },
    workspace: { spec: { checkpoint: { processes: asked } } },
    effective: { processes: given },
  }) as never;
const state = (change: Partial<RestoreState>): RestoreState => ({
  ...{ outcome: 'Checkpoint', processes: 'None' },
  ...{ rejected: [], restored: [], restarted: [], ended: [], sequence: 1 },
  ...change,
});

describe('what a condition says of the processes after a wake', () => {
  it('with images: which go on with their memory, and what does not', () => {
    const restored = ['service web', 'background task bg_1'];
    expect(
      restoredFinding(
        surrounding('Restore', 'Restore'),
        state({ processes: 'Restored', restored, restarted: ['service db'] }),
      ),
    ).toEqual({
      type: 'ProcessesRestored',
      reason: 'Restored',
      message: 'with their memory: service web, background task bg_1; service db',
    });
  });

  it.each([
    ['Unsupported', 'NotSupported'],
    ['DumpFailed', 'DumpFailed'],
    ['RestoreFailed', 'RestoreFailed'],
  ] as const)('where the agent says %s: why, and what runs instead', (reason, said) => {
    const finding = restoredFinding(
      surrounding('Restore', 'Restore'),
      state({ processes: 'Restarted', restarted: ['service web'], problem: { reason, message: 'it broke' } }),
    );
    expect(finding).toMatchObject({ reason: said, message: 'it broke. Now: service web' });
  });

  it('where the class has no images: that it has none, but only to who asked for them', () => {
    const restarted = state({ processes: 'Restarted', restarted: ['service web'] });
    expect(restoredFinding(surrounding('Restore', 'Restart'), restarted)).toMatchObject({
      reason: 'NotSupported',
      message: expect.stringContaining('AgentWorkspaceClass standard has no process images'),
    });
    expect(restoredFinding(surrounding('Restart', 'Restart'), restarted)).toMatchObject({
      reason: 'Restarted',
      message: 'service web',
    });
  });
});
