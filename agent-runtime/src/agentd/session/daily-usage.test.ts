import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { HookedAgent } from '../testing/hooked-agent.ts';
import { totalTokens, usageOf } from './usage.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');

let agent: HookedAgent;
afterEach(() => agent.close());

it('what a server asked the model for counts against the tokens of a day, also after a restart', async () => {
  const server = { name: 'fixture', command: process.execPath, args: [fixture] };
  agent = await HookedAgent.start({}, { servers: [server] });
  await agent.send('tool mcp__fixture__think {}');
  const entries = await agent.agent.transcript();
  const spent = (of: typeof entries) => of.reduce((sum, entry) => sum + totalTokens(usageOf(entry)), 0);
  const answers = spent(entries.filter((entry) => entry.message.role === 'assistant'));
  expect(spent(entries)).toBeGreaterThan(answers);
  // More than the answers of the session came to.
  const { config } = agent.workspace;
  config.model.maxTokensPerDay = answers + 1;
  await agent.agent.call('PUT', '/v1/config', { config });
  expect(await agent.send('say: no')).toMatchObject({ phase: 'Failed', reason: 'TokenBudgetSpent' });
  // A program that is being started would hold up the end of this test.
  config.mcp = { servers: [] };
  await agent.restart();
  expect(await agent.send('say: no')).toMatchObject({ phase: 'Failed', reason: 'TokenBudgetSpent' });
});
