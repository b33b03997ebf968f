import { describe, expect, it } from 'vitest';
import { refuse } from '../testing/gateway-stand-in.ts';
import { collections } from '../testing/person.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const asks = (...ids: string[]) => ({
  waiting: ids.length,
  requests: ids.map((id) => ({
    id,
    session: 'default',
    tool: 'Bash',
    summary: 'rm -r x\x1b[2J',
    since: '2029-12-31T23:55:00.000Z',
  })),
});
const here = withGatewayStandIn({ status: { phase: 'Suspended', approvals: asks('q1') } });
const status = (status: object) => here.person.status(collections.workspaces, 'ada', status);
const answers = () =>
  here.gateway.asked
    .filter(({ method }) => method === 'POST')
    .map(({ path, body }) => [path, JSON.parse(body)]);

describe('approve', () => {
  it('lists what waits, and neutralises what it says', async () => {
    const { out } = await here.person.run('approve', 'ada');
    expect(out).toMatch(/^ID +SESSION +AGE +TOOL +WHAT\nq1 +default +5m +Bash +rm -r x\P{Cc}+\n$/u);
    expect(JSON.parse((await here.person.run('approve', 'ada', '-o', 'json')).out)[0].id).toBe('q1');
    status({ phase: 'Suspended' });
    expect(await here.person.run('approve', 'ada')).toMatchObject({
      out: '',
      err: 'nothing of ada waits for an answer\n',
    });
    expect(here.gateway.asked).toEqual([]);
  });

  it('takes the only one that waits, and no guess where several do', async () => {
    expect((await here.person.run('approve', 'ada', '--deny')).out).toContain('denied: Bash');
    status({ phase: 'Suspended', approvals: asks('q1', 'q2') });
    expect(await here.person.run('approve', 'ada', '--allow')).toMatchObject({
      code: 2,
      err: expect.stringContaining('which one is meant'),
    });
    expect(answers()).toHaveLength(1);
  });

  it('shows questions and plans, and answers what is asked', async () => {
    const [request] = asks('q1').requests;
    const questions = [{ question: 'Which colour?\x1b[2J', options: ['Ochre', 'Umber'], several: true }];
    const requests = [
      { ...request, questions },
      { ...request, id: 'q2', plan: '# Plan\nWrite it.' },
    ];
    status({ phase: 'Suspended', approvals: { waiting: 2, requests } });
    const { out } = await here.person.run('approve', 'ada');
    expect(out).toMatch(/\nq1:\n {2}Which colour\?\P{Cc}+\n {4}- Ochre\n {4}- Umber\n/u);
    expect(out).toContain('\nq2:\n  # Plan\n  Write it.\n');
    expect(await here.person.run('approve', 'ada', 'q1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('Ochre | Umber'),
    });
    expect((await here.person.run('approve', 'ada', 'q2', '--answer', 'x')).code).toBe(2);
    expect(answers()).toEqual([]);
    expect((await here.person.run('approve', 'ada', 'q1', '--answer', 'Umber')).code).toBe(0);
    expect(answers()).toMatchObject([['agent/approvals/q1', { decision: 'allow', answers: ['Umber'] }]]);
  });

  it('asks a workspace that runs for what its status does not tell yet', async () => {
    status({ phase: 'Running' });
    const question = { id: 'q2', session: 'default', toolUseId: 't', tool: 'Bash', summary: 'make' };
    here.gateway.approvals.push({ ...question, requestedAt: '2029-12-31T23:55:00.000Z' });
    expect((await here.person.run('approve', 'ada', 'q2')).out).toBe('allowed: Bash make\n');
  });

  it('allows, and denies with a reason', async () => {
    expect(await here.person.run('approve', 'ada', 'q1')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^allowed: Bash rm -r x\P{Cc}+\n$/u),
    });
    const denied = await here.person.run('approve', 'ada', 'q1', '--deny', '--reason', 'too dangerous');
    expect(denied.out).toContain('denied: Bash');
    expect(answers()).toEqual([
      ['agent/approvals/q1', { decision: 'allow', key: expect.stringMatching(/^cli-/) }],
      [
        'agent/approvals/q1',
        { decision: 'deny', reason: 'too dangerous', key: expect.stringMatching(/^cli-/) },
      ],
    ]);
  });

  it('delivers the answer once the workspace takes it', async () => {
    let refused = 0;
    here.gateway.intercept = ({ method }, response) => {
      if (method !== 'POST' || refused === 2) return false;
      refused += 1;
      refuse(response, 409, 'checkpointing', 'A checkpoint is being taken or held.');
      return true;
    };
    const running = here.person.start('approve', 'ada', 'q1');
    await expect
      .poll(async () => {
        await here.person.clock.advance(1_000);
        return running.out();
      })
      .toContain('allowed');
    expect(answers()).toHaveLength(3);
  });

  it('says what waits no longer', async () => {
    expect(await here.person.run('approve', 'ada', 'q9')).toMatchObject({
      code: 3,
      err: expect.stringContaining('dormouse approve ada --namespace team'),
    });
    expect(here.gateway.asked).toEqual([]);
    here.gateway.intercept = ({ method }, response) => {
      if (method !== 'POST') return false;
      refuse(response, 409, 'conflict', 'This question has been answered.');
      return true;
    };
    expect(await here.person.run('approve', 'ada', 'q1')).toMatchObject({
      code: 7,
      err: expect.stringContaining('question "q1" has been answered already'),
    });
  });

  it.each([
    [['q1', '--reason', 'x'], 'add --deny'],
    [['q1', '-o', 'json'], '-o is for the list'],
  ])('takes no half an answer: %s', async (args, sentence) => {
    expect(await here.person.run('approve', 'ada', ...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining(sentence),
    });
    expect(here.gateway.asked).toEqual([]);
  });
});
