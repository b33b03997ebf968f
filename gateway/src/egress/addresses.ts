import { BlockList, isIP } from 'node:net';

/**
 * What is nobody's to allow: addresses of the gateway itself, of the machine it runs on and of the cloud around that machine.
 */
const never = [
  '0.0.0.0/8', // "this network"; Linux takes 0.0.0.0 for loopback
  '127.0.0.0/8',
  '169.254.0.0/16', // link-local: metadata and credentials of the node
  '168.63.129.16/32', // a public address that Azure answers on as it does on a link-local one
  '192.0.0.192/32', // Oracle's metadata
  '224.0.0.0/4', // multicast
  '255.255.255.255/32',
  '::/96', // unspecified, loopback
  '::ffff:0:0/96', // mapped: another way to write an IPv4 address
  'fe80::/10',
  'ff00::/8',
  'fd00:ec2::/32', // AWS's metadata over IPv6
  'fd20:ce::254/128', // Google's
];

/** What is not the public internet (IANA's special-purpose registries), and what a platform team can allow. */
const notPublic = [
  '10.0.0.0/8',
  '100.64.0.0/10', // carriers' NAT; many clusters' pods, Alibaba's metadata
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '240.0.0.0/4',
  // Of IPv6 only 2000::/3 is given out. The rest holds unique local addresses, and translated ones, which have an IPv4 address
  // inside (NAT64).
  '::/3',
  '4000::/2',
  '8000::/1',
  '2001::/23', // Teredo, which has an IPv4 address inside as well, and others
  '2001:db8::/32',
  '2002::/16', // 6to4: an IPv4 address inside
  '3fff::/20',
];

export interface AddressRules {
  /** CIDRs that are refused whatever else is said. */
  deny: readonly string[];
  /** CIDRs that are reached although they are not public. */
  allowPrivate: readonly string[];
}

/** Says of an IP address whether a connection may go there. Every connection is asked about by its address, never by its name. */
export class Addresses {
  readonly #never: Ranges;
  readonly #allowed: Ranges;
  readonly #notPublic = rangesOf(notPublic);

  constructor({ deny, allowPrivate }: AddressRules) {
    this.#never = rangesOf([...never, ...deny]);
    this.#allowed = rangesOf(allowPrivate);
  }

  /** `address` is an IPv4 or IPv6 address; anything else is refused. */
  permits(address: string): boolean {
    const type = familyOf(address);
    // With a zone (fe80::1%eth0) it is link-local, whatever it looks like.
    if (type === undefined || address.includes('%')) return false;
    if (this.#never[type].check(address, type)) return false;
    return this.#allowed[type].check(address, type) || !this.#notPublic[type].check(address, type);
  }
}

/** Whether a text is a CIDR such as 10.0.0.0/8 or fd00::/8. */
export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/');
  const longest = familyOf(address) === 'ipv6' ? 128 : 32;
  return (
    more.length === 0 &&
    familyOf(address) !== undefined &&
    /^[0-9]{1,3}$/.test(bits) &&
    Number(bits) <= longest
  );
}

type Family = 'ipv4' | 'ipv6';
/** Apart, because in one BlockList ::/3 would hold every IPv4 address, as ::ffff:a.b.c.d. */
type Ranges = Record<Family, BlockList>;

function rangesOf(cidrs: readonly string[]): Ranges {
  const ranges: Ranges = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const cidr of cidrs) {
    const [address = '', bits] = cidr.split('/');
    const family = familyOf(address) ?? 'ipv4';
    ranges[family].addSubnet(address, Number(bits), family);
  }
  return ranges;
}

function familyOf(address: string): Family | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
