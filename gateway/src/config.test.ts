import { ConfigError } from '@dormouse/operator/flags';
import { describe, expect, it } from 'vitest';
import { readConfig, usage } from './config.ts';

const key = { DORMOUSE_MASTER_KEY_FILE: '/key' };

describe('the configuration', () => {
  it('has a default for everything but the master key', () => {
    expect(readConfig([], key)).toMatchObject({ port: 8080, 'hold-timeout': 60_000, 'max-body': 8_388_608 });
    expect(() => readConfig([], {})).toThrow('DORMOUSE_MASTER_KEY_FILE: undefined is not valid: is required');
  });

  it('takes origins, and refuses what is a URL and no origin', () => {
    const read = (text: string) => readConfig(['--origins', text], key);
    expect(read('https://a.example,http://b:81')).toMatchObject({
      origins: new Set(['https://a.example', 'http://b:81']),
    });
    expect(() => read('https://a.example/')).toThrow(ConfigError);
    expect(() => read('*')).toThrow(ConfigError);
  });

  it('takes CIDRs, and refuses an address without a length', () => {
    const read = (text: string) => readConfig(['--egress-deny-cidrs', text], key);
    expect(readConfig([], key)).toMatchObject({ 'egress-deny-cidrs': [], 'egress-allow-private-cidrs': [] });
    expect(read('10.0.0.0/8,fd00::/8')).toMatchObject({ 'egress-deny-cidrs': ['10.0.0.0/8', 'fd00::/8'] });
    expect(() => read('10.0.0.0')).toThrow('must be CIDRs such as');
  });

  it('takes a collector by its base URL, and a ratio', () => {
    const read = (endpoint: string, ratio = '0.5') =>
      readConfig(['--trace-endpoint', endpoint, '--trace-ratio', ratio], key);
    expect(readConfig([], key)).toMatchObject({ 'trace-endpoint': undefined, 'trace-ratio': 1 });
    const endpoint = 'https://collector.example:4318/tenant';
    expect(read(endpoint)).toMatchObject({ 'trace-endpoint': endpoint, 'trace-ratio': 0.5 });
    for (const wrong of [
      'collector:4318',
      'grpc://collector',
      'http://u:p@collector',
      'http://collector/?a=b',
    ])
      expect(() => read(wrong), wrong).toThrow('must be a URL such as');
    expect(() => read(endpoint, '1.5')).toThrow(ConfigError);
  });

  it('explains itself', () => {
    expect(readConfig(['--help'], {})).toBe('help');
    expect(usage).toContain('--hold-timeout DURATION');
  });
});
