import { describe, expect, it } from 'vitest';
import { createLogger } from './log.ts';

describe('the log', () => {
  it('holds no credential, however deep in an object', () => {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => lines.push(line) });
    log.info(
      { token: 's3cret', request: { headers: { authorization: 's3cret' }, credential: 's3cret' } },
      'sent',
    );
    log.child({ apiKey: 's3cret' }).info('child');
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toContain('s3cret');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      component: 'operator',
      token: '[redacted]',
    });
  });

  it('is silent below its level', () => {
    const lines: string[] = [];
    createLogger('warn', { write: (line) => lines.push(line) }).info('quiet');
    expect(lines).toEqual([]);
  });
});
