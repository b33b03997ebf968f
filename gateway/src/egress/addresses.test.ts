import { describe, expect, it } from 'vitest';
import { Addresses, isCidr } from './addresses.ts';

const usual = new Addresses({ deny: [], allowPrivate: [] });

describe('an address that workspaces may reach', () => {
  it.each([
    '1.1.1.1',
    '8.8.8.8',
    '93.184.215.14',
    '172.15.0.1',
    '172.32.0.1',
    '2606:4700::1111',
    '2a00:1450::1',
  ])('%s is', (address) => expect(usual.permits(address)).toBe(true));

  it.each([
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.0.1'],
    ['private', '10.96.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['of a carrier', '100.64.0.1'],
    ['of a carrier', '100.127.255.255'],
    ['metadata', '169.254.169.254'],
    ['metadata of Azure', '168.63.129.16'],
    ['metadata of Oracle', '192.0.0.192'],
    ['metadata of Alibaba', '100.100.100.200'],
    ['documentation', '203.0.113.7'],
    ['benchmarks', '198.19.0.1'],
    ['6to4 relay', '192.88.99.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['unique local', 'fd12:3456::1'],
    ['unique local', 'fc00::1'],
    ['metadata of AWS', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['a zone on a public one', '2606:4700::1111%eth0'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['mapped', '::ffff:10.0.0.1'],
    ['mapped', '::ffff:7f00:1'],
    ['mapped, of a public one', '::ffff:8.8.8.8'],
    ['compatible', '::127.0.0.1'],
    ['NAT64', '64:ff9b::a00:1'],
    ['NAT64 of a network', '64:ff9b:1::1'],
    ['6to4', '2002:a00:1::'],
    ['Teredo', '2001:0:1::1'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff:1::'],
    ['not given out', '4000::1'],
    ['not given out', '8000::1'],
    ['no address', 'example.com'],
    ['no address', ''],
  ])('%s %s is none', (_what, address) => expect(usual.permits(address)).toBe(false));
});

describe('what a platform team says of addresses', () => {
  const addresses = new Addresses({
    deny: ['93.184.0.0/16', '10.1.1.0/24', '2606:4700::/32'],
    allowPrivate: ['10.1.0.0/16', '0.0.0.0/0', '::/0'],
  });

  it('opens ranges that are not public', () => {
    expect(usual.permits('10.1.2.3')).toBe(false);
    expect(addresses.permits('10.1.2.3')).toBe(true);
    expect(addresses.permits('fd12::1')).toBe(true);
  });

  it('closes what is denied, in an open range too', () => {
    expect(addresses.permits('10.1.1.1')).toBe(false);
    expect(addresses.permits('93.184.215.14')).toBe(false);
    expect(addresses.permits('2606:4700::1111')).toBe(false);
  });

  it.each(['127.0.0.1', '0.0.0.0', '169.254.169.254', '168.63.129.16', '::1', 'fe80::1', 'fd00:ec2::254'])(
    'never opens %s',
    (address) => expect(addresses.permits(address)).toBe(false),
  );

  it.each(['127.0.0.1', '169.254.169.254', '10.1.1.1'])(
    'never opens %s as it is mapped into IPv6',
    (address) => expect(addresses.permits(`::ffff:${address}`)).toBe(false),
  );
});

it.each([
  ['10.0.0.0/8', true],
  ['fd00::/8', true],
  ['10.0.0.0', false],
  ['10.0.0.0/33', false],
  ['fd00::/129', false],
  ['10.0.0/8', false],
  ['10.0.0.0/8/8', false],
  ['10.0.0.0/-1', false],
  ['example.com/8', false],
])('%s is a CIDR: %s', (text, is) => expect(isCidr(text)).toBe(is));
