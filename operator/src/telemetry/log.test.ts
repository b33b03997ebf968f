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

  it('holds none in a flat line either, and has flat lines as they are', () => {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => lines.push(line) }, 'gateway');
    log.info({ audit: true, user: 'ada', password: 's3cret' }, 'attach');
    log.child({ credential: 's3cret', of: 'child' }).warn({ user: 'eve' }, 'attach');
    log.warn({ audit: true, user: 'ada', status: 200 }, 'attach');
    expect(lines.join('')).not.toContain('s3cret');
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ of: 'child', user: 'eve' });
    const { time, ...last } = JSON.parse(lines[2] ?? '');
    expect(Date.parse(time)).not.toBeNaN();
    expect(last).toEqual({
      level: 'warn',
      component: 'gateway',
      audit: true,
      user: 'ada',
      status: 200,
      msg: 'attach',
    });
  });

  it('is silent below its level', () => {
    const lines: string[] = [];
    createLogger('warn', { write: (line) => lines.push(line) }).info('quiet');
    expect(lines).toEqual([]);
  });
});
