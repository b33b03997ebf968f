import { afterEach, describe, expect, it } from 'vitest';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { ApprovalRequest } from '../../protocol/messages.ts';
import { type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let agent: RunningAgent;
afterEach(() => workspace.close());

async function start(permissions: Partial<RuntimeConfig['permissions']>): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  agent = await workspace.start();
}

async function asked(text: string): Promise<ApprovalRequest> {
  await agent.send('m1', text);
  const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
  return approvals[0] as ApprovalRequest;
}

const decide = (id: string, body: object) => agent.call('POST', `/v1/approvals/${id}`, body);

const colours = {
  questions: [
    {
      question: 'Which colour?',
      header: 'Colour',
      options: [{ label: 'Ochre', description: 'as the barn' }, { label: 'Umber' }],
    },
    { question: 'Which rooms?', options: [{ label: 'Hall' }, { label: 'Attic' }], multiSelect: true },
  ],
};
const ask = `tool AskUserQuestion ${JSON.stringify(colours)}`;
const plan = `tool ExitPlanMode ${JSON.stringify({ plan: '# Plan\n\nWrite a.txt.' })}`;

describe('AskUserQuestion', () => {
  it('waits for a person in every mode, over a restart, and brings the answers', async () => {
    await start({ mode: 'bypassPermissions' });
    const request = await asked(ask);
    expect(request).toMatchObject({
      tool: 'AskUserQuestion',
      summary: 'Which colour? (Ochre | Umber) Which rooms? (Hall | Attic)',
      questions: [
        {
          question: 'Which colour?',
          options: [{ label: 'Ochre', description: 'as the barn' }, {}],
          several: false,
        },
        { question: 'Which rooms?', several: true },
      ],
    });
    await agent.stop();
    agent = await workspace.start();
    const misfits = [{}, { answers: ['Ochre'] }, { answers: ['Ochre', 'Hall', 'more'] }];
    for (const misfit of misfits)
      expect((await decide(request.id, { decision: 'allow', ...misfit })).status).toBe(400);
    const answers = ['Umber', 'Hall, and the stairs'];
    expect((await decide(request.id, { decision: 'allow', answers })).status).toBe(200);
    const { reply } = await agent.settled('m1');
    expect(reply?.text).toContain('Which colour?\n→ Umber\nWhich rooms?\n→ Hall, and the stairs');
  });

  it('tells that a person does not want to answer, and asks nobody where nobody is asked', async () => {
    await start({ mode: 'default' });
    const { id } = await asked(ask);
    await decide(id, { decision: 'deny', reason: 'you choose' });
    expect((await agent.settled('m1')).reply?.text).toContain('you choose');
    workspace.config.permissions.mode = 'dontAsk';
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    await agent.send('m2', ask);
    expect((await agent.settled('m2')).reply?.text).toContain('nobody is asked');
  });
});

describe('a call that is no question', () => {
  it('takes no answers', async () => {
    await start({ mode: 'default' });
    const { id } = await asked('run: echo x');
    expect((await decide(id, { decision: 'allow', answers: ['x'] })).status).toBe(400);
  });
});

describe('plan mode', () => {
  const write = 'write a.txt: x';
  it('changes nothing until a person approves the plan, and ends with that for the session, also after a restart', async () => {
    await start({ mode: 'plan', afterPlan: 'acceptEdits' });
    await agent.send('m0', write);
    expect((await agent.settled('m0')).reply?.text).toContain('plan mode');
    const request = await asked(plan);
    expect(request).toMatchObject({ tool: 'ExitPlanMode', plan: '# Plan\n\nWrite a.txt.' });
    await decide(request.id, { decision: 'allow' });
    expect((await agent.settled('m1')).reply?.text).toContain('approved');
    await agent.stop();
    agent = await workspace.start();
    await agent.send('m2', write);
    expect((await agent.settled('m2')).reply?.text).toContain('Created');
    await agent.send('other', write.replace('a.txt', 'b.txt'), 'another');
    expect((await agent.settled('other')).reply?.text).toContain('plan mode');
  });

  it('goes on when the plan is not approved', async () => {
    await start({ mode: 'plan', afterPlan: 'acceptEdits' });
    const { id } = await asked(plan);
    await decide(id, { decision: 'deny', reason: 'too short' });
    expect((await agent.settled('m1')).reply?.text).toContain('too short');
    await agent.send('m2', write);
    expect((await agent.settled('m2')).reply?.text).toContain('plan mode');
  });

  it('cannot end where the class allows no other, and has nothing to end elsewhere', async () => {
    await start({ mode: 'plan' });
    await agent.send('m1', plan);
    expect((await agent.settled('m1')).reply?.text).toContain('no mode but plan');
    workspace.config.permissions.mode = 'default';
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    await agent.send('m2', plan);
    expect((await agent.settled('m2')).reply?.text).toContain('not in plan mode');
  });

  it('is over for a session only while the workspace is in it', async () => {
    await start({ mode: 'plan', afterPlan: 'acceptEdits' });
    const { id } = await asked(plan);
    await decide(id, { decision: 'allow' });
    await agent.settled('m1');
    workspace.config.permissions.mode = 'dontAsk';
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    await agent.send('m2', write);
    expect((await agent.settled('m2')).reply?.text).toContain('dontAsk');
    const results = (await agent.transcript()).filter((entry: Json) => entry.permissionMode !== undefined);
    expect(results.map((entry: Json) => entry.permissionMode)).toEqual(['acceptEdits']);
  });
});

describe('EnterPlanMode', () => {
  const enter = 'tool EnterPlanMode {}';

  it('begins plan mode for the session, also after a restart, and the plan gives the mode back', async () => {
    await start({ mode: 'bypassPermissions' });
    await agent.send('m0', `${enter}\nwrite a.txt: A`);
    expect((await agent.settled('m0')).reply?.text).toContain('plan mode');
    await agent.stop();
    agent = await workspace.start();
    await agent.send('m2', 'write a.txt: A');
    expect((await agent.settled('m2')).reply?.text).toContain('in plan mode nothing is changed');
    const { id } = await asked(plan);
    await decide(id, { decision: 'allow' });
    await agent.settled('m1');
    await agent.send('m3', 'write a.txt: A');
    expect((await agent.settled('m3')).reply?.text).toContain('Created');
  });

  it('is refused where nobody could approve', async () => {
    await start({ mode: 'dontAsk' });
    await agent.send('m0', enter);
    expect((await agent.settled('m0')).reply?.text).toContain('Nobody is asked');
  });
});
