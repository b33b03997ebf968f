import { describe, expect, it } from 'vitest';
import { authorityOf, requestDestination, tunnelDestination } from './destination.ts';

describe('the destination of a tunnel', () => {
  it.each([
    ['registry.example.com:443', 'registry.example.com', 443],
    ['REGISTRY.Example.COM:443', 'registry.example.com', 443],
    ['registry.example.com.:443', 'registry.example.com', 443],
    ['bücher.example:443', 'xn--bcher-kva.example', 443],
    ['ｅxample.com:443', 'example.com', 443],
    ['a_b.example:8443', 'a_b.example', 8443],
    ['localhost:80', 'localhost', 80],
  ])('%s is a name', (target, host, port) => {
    expect(tunnelDestination(target)).toEqual({ host, port, literal: false });
  });

  // However an address is written, it is judged as the address that a client would connect to.
  it.each([
    ['10.0.0.1:443', '10.0.0.1'],
    ['0x7f.1:443', '127.0.0.1'],
    ['2130706433:443', '127.0.0.1'],
    ['127.1:443', '127.0.0.1'],
    ['0300.0250.0.1:443', '192.168.0.1'],
    ['１２７.0.0.1:443', '127.0.0.1'],
    ['10.0.0.1.:443', '10.0.0.1'],
    ['[::1]:443', '::1'],
    ['[0:0:0:0:0:ffff:127.0.0.1]:443', '::ffff:7f00:1'],
  ])('%s is an address', (target, host) => {
    expect(tunnelDestination(target)).toEqual({ host, port: 443, literal: true });
  });

  it.each([
    undefined,
    '',
    'example.com',
    'example.com:',
    'example.com:0',
    'example.com:65536',
    'example.com:443443',
    'example.com:44 3',
    ':443',
    'user@example.com:443',
    'user:pass@example.com:443',
    'example.com:443/path',
    'example.com/:443',
    'example.com?x:443',
    'example.com#x:443',
    'example.com\\@evil.example:443',
    'exa mple.com:443',
    'example..com:443',
    '-example.com:443',
    '%00.example:443',
    '[fe80::1%25eth0]:443',
    '::1:443',
    'https://example.com:443',
    `${'a'.repeat(64)}.example:443`,
    `${'a.'.repeat(130)}example:443`,
  ])('%s is none', (target) => {
    expect(() => tunnelDestination(target)).toThrow(expect.objectContaining({ outcome: 'invalid' }));
  });
});

describe('the destination of a plain request', () => {
  it.each([
    ['http://example.com', 'example.com', 80, '/'],
    ['HTTP://Example.com/A?b=%20c', 'example.com', 80, '/A?b=%20c'],
    ['http://example.com:8080/a/../b#c', 'example.com', 8080, '/b'],
    ['http://[2001:db8::1]:81/', '2001:db8::1', 81, '/'],
    ['http://example.com\\@evil.example/', 'example.com', 80, '/@evil.example/'],
  ])('%s', (target, host, port, path) => {
    expect(requestDestination(target)).toMatchObject({ host, port, path });
  });

  it.each([
    '/path',
    'example.com/',
    'https://example.com/',
    'ftp://example.com/',
    'http://a:b@example.com/',
    'http://',
    '*',
  ])('%s is none', (target) => {
    expect(() => requestDestination(target)).toThrow(expect.objectContaining({ outcome: 'invalid' }));
  });
});

describe('a destination as a person writes it', () => {
  it('has brackets around IPv6', () => {
    expect(authorityOf({ host: '::1', port: 1 })).toBe('[::1]:1');
    expect(authorityOf({ host: 'a.example', port: 443 })).toBe('a.example:443');
  });
});
