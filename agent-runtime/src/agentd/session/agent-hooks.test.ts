import { afterEach, describe, expect, it } from 'vitest';
import { verify } from '../hooks/verify.ts';
import type { ModelRequest } from '../model/model-client.ts';
import { HookedAgent } from '../testing/hooked-agent.ts';
import type { Json } from '../testing/workspace.ts';
import { succeeded } from '../tools/tool.ts';

let agent: HookedAgent;

const isVerifier = ({ system }: ModelRequest) => system.includes('You verify');
const use = (name: string, input: object) => ({ type: 'tool_use', id: `${name}-1`, name, input });
const says = (answer: object) => [{ type: 'text', text: `So:\n${JSON.stringify(answer)}` }];
const hook = (more: object = {}) => [{ hooks: [{ type: 'agent', prompt: 'Is it tested?', ...more }] }];
const verifierAsked = () => agent.model.requests.filter(isVerifier);

describe('hooks of the type agent', () => {
  afterEach(() => agent.close());

  it('look at files before they decide, and leave nothing behind', async () => {
    agent = await HookedAgent.start({ Stop: hook({ model: 'haiku' }) });
    await agent.workspace.put('notes.txt', 'untested');
    agent.model.answers = (request) => {
      if (!isVerifier(request)) return undefined;
      if (agent.model.requests.filter(isVerifier).length > 3) return says({ ok: true });
      const last = JSON.stringify(request.messages.at(-1));
      if (last.includes('untested')) return says({ ok: false, reason: 'say: it is not tested' });
      return [use('Read', { file_path: 'notes.txt' }), use('Glob', { pattern: '*.txt' })];
    };
    expect((await agent.send('say: done')).reply?.text).toBe('it is not tested');
    const [first, second] = verifierAsked();
    expect(first?.tools.map(({ name }) => name)).toEqual(['Read', 'Grep', 'Glob']);
    expect(first?.model).toBe('scripted');
    expect(JSON.stringify(first?.messages)).toContain('Is it tested?');
    expect(JSON.stringify(first?.messages)).toContain('last_assistant_message');
    expect(JSON.stringify(second?.messages)).toContain('notes.txt');
    expect(JSON.stringify(await agent.agent.transcript())).not.toContain('untested"');
  });

  it('see neither what a rule hides, nor what a person would be asked about, nor other tools', async () => {
    const permissions = { mode: 'default' as const, allow: ['Bash(echo *)'], deny: ['Read(secret.txt)'] };
    agent = await HookedAgent.start({ PreToolUse: hook() }, { permissions });
    await agent.workspace.put('secret.txt', 'SECRET');
    agent.model.answers = (request) => {
      if (!isVerifier(request)) return undefined;
      if (request.messages.length > 1) return says({ ok: true });
      const calls = [
        ['Read', { file_path: 'secret.txt' }],
        ['Read', { file_path: '/etc/hosts' }],
        ['Grep', { pattern: 'SECRET' }],
        ['Bash', { command: 'touch made' }],
        ['Read', {}],
      ] as const;
      return calls.map(([name, input], at) => ({ ...use(name, input), id: `call-${at}` }));
    };
    await agent.send('run: echo one');
    const results = verifierAsked()
      .at(-1)
      ?.messages.at(-1)
      ?.content.map((it: Json) => it.content);
    expect(results).toEqual([
      expect.stringMatching(/^Not permitted/),
      expect.stringMatching(/^Not permitted/),
      'Nothing matches.',
      'There is no tool Bash. There are: Read, Grep, Glob.',
      expect.stringMatching(/^The input of Read is not valid/),
    ]);
    expect((await agent.results())[0].content).toMatch(/^one/);
  });

  it('fail where the model takes too long', async () => {
    const slow = { prompt: 'wait: 60\nsay: {"ok": true}\n<about>\n$ARGUMENTS\n</about>', timeout: 0.1 };
    agent = await HookedAgent.start({ PreToolUse: hook({ ...slow, onFailure: 'closed' }) });
    await agent.send('run: echo one');
    expect((await agent.results())[0].content).toContain('the model did not answer within 100 ms');
  });
});

describe('a verification', () => {
  it('ends after fifty answers without a decision', async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      const content = [use('Read', {})];
      const usage = { input_tokens: 1, output_tokens: 1 };
      return { id: 'm', model: 'm', role: 'assistant' as const, content, stop_reason: 'tool_use', usage };
    };
    await expect(verify('?', { ask, look: async () => succeeded('') })).rejects.toThrow('within 50 answers');
    expect(asked).toBe(50);
  });
});
