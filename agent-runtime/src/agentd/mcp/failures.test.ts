import { expect, it } from 'vitest';
import { mcpServer } from '../../protocol/mcp.ts';
import { showsNoToken } from './failures.ts';

it('knows servers that a person can sign in to from those with credentials of their own', () => {
  const of = (more: object) => showsNoToken(mcpServer.parse({ name: 'web', ...more }));
  const url = 'https://mcp.example.com';
  expect(of({ url })).toBe(true);
  expect(of({ url, headers: { 'X-Team': 'a' } })).toBe(true);
  expect(of({ url, oauth: { clientId: 'a' } })).toBe(true);
  expect(of({ command: 'a' })).toBe(false);
  expect(of({ url, headers: { AUTHORIZATION: 'Bearer a' } })).toBe(false);
  expect(of({ url, headersHelper: 'a' })).toBe(false);
  expect(of({ url, byGateway: true })).toBe(false);
  expect(of({ url, oauth: { clientId: 'a', clientSecret: 'b' } })).toBe(false);
});
