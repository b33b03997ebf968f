import { z } from 'zod';
import { Refusal } from '../http/refusal.ts';

const tokenSchema = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** What a registry wants before it answers: the credentials themselves, or a token that is had for them at `url`. */
export type Challenge = { kind: 'basic' } | { kind: 'token'; url: URL };

/** Reads `WWW-Authenticate`; undefined where nobody can do what it says. The scope is ours: a registry could name more than is wanted. */
export function challengeOf(header: string | undefined, scope: string): Challenge | undefined {
  if (header === undefined) return undefined;
  if (/^basic\b/i.test(header)) return { kind: 'basic' };
  const field = (name: string) => new RegExp(`[\\s,]${name}="([^"]*)"`, 'i').exec(header)?.[1];
  const realm = field('realm') ?? '';
  if (!/^bearer\s/i.test(header) || !/^https?:/i.test(realm) || !URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  const service = field('service');
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return { kind: 'token', url };
}

/** The token in the answer of an authorization server. @throws Refusal */
export function tokenOf(text: string, { host }: URL): string {
  const parsed = tokenSchema.safeParse(parse(text)).data;
  const token = parsed?.token ?? parsed?.access_token;
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token))
    throw new Refusal('bad_gateway', `${host} answered without a token.`);
  return token;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
