/** Opens so many streams of events at a URL, and keeps them until it is ended. Says `{"open": NUMBER}` when each has begun. */
import { Agent, get } from 'node:http';
import { eachOf } from '../../../support/each-of.ts';

const [url = '', count = '1', token = ''] = process.argv.slice(2);
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
const headers = { authorization: `Bearer ${token}` };

await eachOf(
  Array.from({ length: Number(count) }),
  64,
  () =>
    new Promise<void>((resolve, reject) => {
      const request = get(url, { agent, headers }, (answer) => {
        if (answer.statusCode !== 200) return reject(new Error(`${url} answered ${answer.statusCode}`));
        answer.once('data', () => resolve());
        answer.once('close', () => reject(new Error(`${url} ended`)));
      });
      request.once('error', reject);
    }),
);
process.stdout.write(`${JSON.stringify({ open: Number(count) })}\n`);
