import { expect, it } from 'vitest';
import { isAllowed } from './allowance.ts';
import { tunnelDestination } from './destination.ts';

const allow = [
  { host: 'registry.example.com', ports: [443] },
  { host: '*.pages.example', ports: [443, 8443] },
  { host: '1.2.3.4', ports: [443] },
  { host: '*.5', ports: [443] },
];

it.each([
  ['registry.example.com:443', true],
  ['REGISTRY.example.com.:443', true],
  ['registry.example.com:80', false],
  ['example.com:443', false],
  ['evil-registry.example.com:443', false],
  ['registry.example.com.evil.example:443', false],
  ['a.registry.example.com:443', false],
  ['a.pages.example:443', true],
  ['a.b.pages.example:8443', true],
  ['pages.example:443', false],
  ['evilpages.example:443', false],
  ['xn--bcher-kva.pages.example:443', true],
  ['1.2.3.4:443', true],
  ['0x1.2.3.4:443', true],
  // The end of an address is no domain.
  ['1.2.3.5:443', false],
  ['[::ffff:1.2.3.4]:443', false],
])('%s: %s', (target, allowed) => {
  expect(isAllowed(tunnelDestination(target), allow)).toBe(allowed);
});

it('allows any host where the class says *, on the ports that it says', () => {
  const any = [{ host: '*', ports: [443] }];
  expect(isAllowed(tunnelDestination('what.ever:443'), any)).toBe(true);
  expect(isAllowed(tunnelDestination('8.8.8.8:443'), any)).toBe(true);
  expect(isAllowed(tunnelDestination('what.ever:22'), any)).toBe(false);
});

it('allows nothing where the class says nothing', () => {
  expect(isAllowed(tunnelDestination('what.ever:443'), undefined)).toBe(false);
  expect(isAllowed(tunnelDestination('what.ever:443'), [])).toBe(false);
});
