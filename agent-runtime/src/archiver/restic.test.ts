import { describe, expect, it } from 'vitest';
import { plainComplaint, type ResticLine, restic } from './restic.ts';

describe('what restic complains of', () => {
  it('is one line of plain characters, whatever files are called', () => {
    const said = plainComplaint(
      `${JSON.stringify({ message_type: 'error', error: { message: 'open /home/agent/\u001b[31m\u0007x: permission denied' } })}\nFatal: it is over\n`,
    );
    expect(said).toBe('open /home/agent/?[31m?x: permission denied · Fatal: it is over');
  });

  it('is short, and never nothing', () => {
    expect(plainComplaint('x'.repeat(10_000)).length).toBeLessThanOrEqual(600);
    expect(plainComplaint('\n{"broken\n')).not.toBe('');
    expect(plainComplaint('')).toBe('no more is known');
  });
});

describe('a run', () => {
  const speak = (text: string, code = 0) => [
    '-e',
    `process.stdout.write(${JSON.stringify(text)}); process.exitCode = ${code}`,
  ];

  it('tells of lines that it knows, and keeps the rest', async () => {
    const lines: ResticLine[] = [];
    const text = [
      '{"message_type":"status","percent_done":0.5,"bytes_done":10}',
      '{"message_type":"status","percent_done":"half"}',
      '{"message_type":"summary","snapshot_id":"abc"}',
      '[{"id":"1"}]',
    ].join('\n');
    const { code, output } = await restic(speak(`${text}\n`, 3), {
      program: process.execPath,
      env: {},
      told: (line) => lines.push(line),
    });
    expect(code).toBe(3);
    expect(output).toBe('[{"id":"1"}]\n');
    expect(lines).toMatchObject([{ percent_done: 0.5, bytes_done: 10 }, { snapshot_id: 'abc' }]);
  });

  it('that cannot be begun is an error', async () => {
    await expect(restic([], { program: '/nowhere', env: {}, told: () => undefined })).rejects.toThrow(
      'ENOENT',
    );
  });
});
