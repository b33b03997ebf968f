import { afterEach, describe, expect, it } from 'vitest';
import type { AnswerRecord, ModelServerOptions } from '../../../../test/support/model-server/server.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: () => Promise<void>;
let agent: RunningAgent;
/** Requests to the model, with what came of them. */
let asked: { system: string; effort: unknown; status: number; body: Json }[];

async function start(server: ModelServerOptions = {}): Promise<void> {
  asked = [];
  const onAnswer = ({ body, status }: AnswerRecord) => {
    const { system, output_config } = body as Json;
    asked.push({ system: system[0].text, effort: output_config?.effort, status, body });
  };
  workspace = await TestWorkspace.create({}, { onAnswer, ...server });
  endTools = await startRealTools(workspace, '/bin/false');
  agent = await workspace.start();
}
afterEach(async () => {
  await endTools();
  await workspace.close();
});

let count = 0;
async function send(text: string): Promise<string> {
  count += 1;
  await agent.send(`e${count}`, text);
  const record = await agent.settled(`e${count}`);
  expect(record).toMatchObject({ phase: 'Completed' });
  return record.reply?.text ?? '';
}
const putAgent = (name: string, fields: string) =>
  workspace.put(`.claude/agents/${name}.md`, `---\nname: ${name}\ndescription: x\n${fields}\n---\n[${name}]`);
const putSkill = (name: string, fields: string, body: string) =>
  workspace.put(`.claude/skills/${name}/SKILL.md`, `---\ndescription: x\n${fields}\n---\n${body}`);
const call = (subagent_type: string, prompt: string) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, subagent_type })}`;
const efforts = () => asked.map(({ effort }) => effort);
const effortsOf = (name: string) =>
  asked.filter(({ system }) => system.includes(`[${name}]`)).map(({ effort }) => effort);

describe('the effort of a model', () => {
  it('is that of the subagent, in each of its requests and in no other', async () => {
    await start();
    await putAgent('careful', 'effort: xhigh');
    await putAgent('usual', 'model: other');
    await send(`${call('careful', 'run: true')}\n${call('usual', 'say: x')}`);
    expect(effortsOf('careful')).toEqual(['xhigh', 'xhigh']);
    expect(effortsOf('usual')).toEqual([undefined]);
    expect(efforts().filter((effort) => effort !== undefined)).toHaveLength(2);
  });

  it('is that of the subagent after a restart, too', async () => {
    await start();
    await putAgent('careful', 'effort: low');
    const id = /agentId: (\S+)/.exec(await send(call('careful', 'say: x')))?.[1];
    await putAgent('careful', 'effort: max');
    await agent.stop();
    agent = await workspace.start();
    await send(`tool SendMessage ${JSON.stringify({ to: id, message: 'say: y' })}`);
    await agent.stateWhen(() => effortsOf('careful').length === 2);
    expect(effortsOf('careful')).toEqual(['low', 'low']);
  });

  it('is that of the newest skill until the end of the turn', async () => {
    await start();
    await putSkill('quick', 'effort: low', 'Be quick.');
    await putSkill('deep', 'effort: max', 'Be thorough.');
    await putSkill('plain', 'model: other', 'Be yourself.');
    await send(['quick', 'deep', 'plain'].map((skill) => `tool Skill {"skill":"${skill}"}`).join('\n'));
    expect(efforts()).toEqual([undefined, 'low', 'max', 'max']);
    await send('say: x');
    expect(efforts().at(-1)).toBeUndefined();
    await send('/quick');
    expect(efforts().at(-1)).toBe('low');
  });

  it('of a skill is that of the subagent whose task it is, before that of its file', async () => {
    await start();
    await putAgent('careful', 'effort: max');
    await putSkill('forked', 'effort: medium\ncontext: fork\nagent: careful', 'say: x');
    await putSkill('forked-plain', 'context: fork\nagent: careful', 'say: x');
    await send('tool Skill {"skill":"forked"}\ntool Skill {"skill":"forked-plain"}');
    expect(effortsOf('careful')).toEqual(['medium', 'max']);
  });

  it('can be named in the text of a skill', async () => {
    await start();
    const text = 'At {$' + '{CLAUDE_EFFORT}}.';
    await putSkill('own', 'effort: high', text);
    await putSkill('other', 'model: other', text);
    await putAgent('careful', 'effort: xhigh\nskills: other');
    expect(await send('tool Skill {"skill":"other"}')).toContain(text);
    const both = await send('tool Skill {"skill":"own"}\ntool Skill {"skill":"other"}');
    expect(both.match(/At \{high\}/g)).toHaveLength(2);
    await send(call('careful', 'say: x'));
    expect(asked.find(({ system }) => system.includes('[careful]'))?.system).toContain('At {xhigh}.');
  });

  it('is one of five words: what a file says else is a problem that is told', async () => {
    await start();
    await putAgent('odd', 'effort: huge');
    await putSkill('odd-skill', 'effort: 7', 'x');
    await send('say: x');
    const opening = JSON.stringify(asked.at(-1)?.body.messages);
    const words = 'effort: must be low, medium, high, xhigh or max';
    expect(opening).toContain(`odd.md:4: ${words}`);
    expect(opening).toContain(`odd-skill/SKILL.md:3: ${words}`);
    await send(call('odd', 'say: x'));
    expect(effortsOf('odd')).toEqual([undefined]);
  });
});

describe('an effort that the model does not know', () => {
  it.each([[[]], [['low', 'high']]])('is left out, and it is not asked with it again: %j', async (known) => {
    await start({ efforts: known });
    await putAgent('careful', 'effort: max');
    await send(call('careful', 'run: true'));
    await send(call('careful', 'say: x'));
    expect(effortsOf('careful')).toEqual(['max', undefined, undefined, undefined]);
    expect(asked.filter(({ status }) => status === 400)).toHaveLength(1);
    expect((await agent.state()).modelProblem).toBeUndefined();
    // Another provider may know it.
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    await send(call('careful', 'say: x'));
    expect(effortsOf('careful').slice(4)).toEqual(['max', undefined]);
  });

  it('says nothing of another one, or of another model', async () => {
    await start({ efforts: ['low'] });
    await putAgent('careful', 'effort: max');
    await putAgent('quick', 'effort: low');
    await putAgent('other', 'effort: max\nmodel: other');
    await send(`${call('careful', 'say: x')}\n${call('quick', 'say: x')}`);
    await send(call('other', 'say: x'));
    expect(effortsOf('quick')).toEqual(['low']);
    expect(effortsOf('other')).toEqual(['max', undefined]);
  });

  it('is not blamed for a request that is refused without it, too', async () => {
    await start({ contextWindow: 16_000 });
    await putAgent('careful', 'effort: max');
    await workspace.put(
      '.claude/agents/long.md',
      `---\nname: long\ndescription: x\neffort: max\n---\n[long]${'x'.repeat(80_000)}`,
    );
    expect(await send(call('long', 'say: x'))).toContain('prompt is too long');
    expect(effortsOf('long')).toEqual(['max', undefined]);
    await send(call('careful', 'say: x'));
    expect(effortsOf('careful')).toEqual(['max']);
  });
});
