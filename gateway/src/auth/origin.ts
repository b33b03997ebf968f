import { Refusal } from '../http/refusal.ts';

/**
 * Refuses what a page from elsewhere made a browser send. Programs send no `Origin`; a page of the gateway sends the host
 * that it was loaded from, which is the one that the request goes to.
 *
 * @param allowed origins such as `https://console.example.com`
 * @throws Refusal `forbidden`
 */
export function checkOrigin(
  headers: { origin?: string | undefined; host?: string | undefined },
  allowed: ReadonlySet<string>,
): void {
  const { origin, host } = headers;
  if (origin === undefined) return;
  if (allowed.has(origin)) return;
  if (host !== undefined && URL.canParse(origin) && new URL(origin).host === host.toLowerCase()) return;
  throw new Refusal(
    'forbidden',
    `A page of the origin ${JSON.stringify(origin.slice(0, 200))} may not use this gateway. Whoever runs it can allow the origin (gateway.origins).`,
  );
}
