import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WorkspaceName } from '../auth/index.ts';

/** Tells the page's script that it is still looking at this page. */
const header = 'x-dormouse-waking';

const script = `
const look = async () => {
  try {
    const answer = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
    if (!answer.headers.has('${header}')) return location.reload();
  } catch {}
  setTimeout(look, 500);
};
setTimeout(look, 500);
`;
const style = `
body { margin: 0; min-height: 100vh; display: grid; place-content: center; text-align: center; font: 1rem/1.5 system-ui, sans-serif; color-scheme: light dark; }
p { margin: 0; opacity: .7; }
`;
const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = `default-src 'none'; connect-src 'self'; script-src ${hash(script)}; style-src ${hash(style)}; frame-ancestors 'self'`;

/** Whether a browser navigates, so that a person sees the answer. */
export function isNavigation({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && /\btext\/html\b/.test(headers.accept ?? '');
}

/**
 * Answers a browser at once with a page that says that the workspace wakes up, looks again twice a second, and goes on when
 * it is there. Names are DNS labels: nothing in the page is to be escaped.
 */
export function answerWakingPage(response: ServerResponse, { namespace, name }: WorkspaceName): void {
  const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${name} wakes up</title>
<style>${style}</style>
<noscript><meta http-equiv="refresh" content="2"></noscript>
<main role="status"><h1>${name} wakes up</h1><p>Workspace ${namespace}/${name} was asleep. This page goes on by itself.</p></main>
<script>${script}</script>
`;
  response.writeHead(503, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(page),
    'content-security-policy': policy,
    'cache-control': 'no-store',
    'retry-after': '1',
    [header]: '1',
  });
  response.end(page);
}
