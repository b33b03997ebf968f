import type { AgentWorkspace } from '@dormouse/crds';
import { apiVersion } from '@dormouse/crds';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../support/cluster.ts';
import { tokenWith } from '../support/gateway.ts';
import { run } from '../support/program.ts';
import { suite } from '../support/suite.ts';
import { occurrences } from '../support/workspaces.ts';

const here = suite('approvals');
type Question = NonNullable<NonNullable<AgentWorkspace['status']>['approvals']>['requests'][number];

let answers = 0;
/** Answers a question with kubectl, as the cluster's administrator or as a ServiceAccount of the namespace. */
async function answer(workspace: string, approval: object, as?: string) {
  answers += 1;
  const { namespace } = here.workspaces;
  const name = `answer-${answers}`;
  const message = {
    apiVersion,
    kind: 'AgentMessage',
    metadata: { name, namespace },
    spec: { workspaceRef: { name: workspace }, approval },
  };
  const account = as === undefined ? [] : ['--as', `system:serviceaccount:${namespace}:${as}`];
  const created = await run('kubectl', ['create', '-f', '-', ...account], { input: JSON.stringify(message) });
  return { name, ...created };
}

/** Has the workspace ask, and waits until it sleeps with the question open. */
async function asleepWithQuestion(workspace: string, text: string): Promise<[message: string, Question]> {
  const { workspaces, cluster } = here;
  const message = await workspaces.send(workspace, text);
  await cluster.waitFor<KubernetesObject & AgentWorkspace>(
    workspaces.reference(workspace),
    'a question',
    (found) => found?.status?.approvals?.waiting === 1,
  );
  const { status } = await workspaces.asleep(workspace);
  const [question] = status?.approvals?.requests ?? [];
  if (question === undefined) throw new Error(`${workspace} sleeps and its status has no question`);
  return [message, question];
}

beforeAll(async () => {
  const { cluster, workspaces } = here;
  await tokenWith(cluster, workspaces.namespace, 'talker', ['dormouse-edit']);
  await tokenWith(cluster, workspaces.namespace, 'approver', ['dormouse-edit', 'dormouse-approver']);
});

describe.concurrent('a tool call that waits for a person', () => {
  it('sleeps with the workspace, is answered by kubectl, and then runs exactly once', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('ask', { agent: { permissionMode: 'default' } });
    const [message, question] = await asleepWithQuestion('ask', 'run: echo once >> ran.txt');
    expect(question).toMatchObject({ tool: 'Bash', summary: 'echo once >> ran.txt', session: 'default' });
    const row = await run('kubectl', ['-n', workspaces.namespace, 'get', 'agentworkspace', 'ask']);
    expect(row.stdout).toMatch(/ASKS/);
    expect(row.stdout).toMatch(/Suspended .* 1 /);

    // Who may only talk to agents may not answer; whoever may approve wakes it by that.
    const refused = await answer('ask', { id: question.id, decision: 'Allow' }, 'talker');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('may not approve tool calls of AgentWorkspace "ask"');
    const made = witness.made('ask');
    const given = await answer('ask', { id: question.id, decision: 'Allow' }, 'approver');
    expect(given.stderr).toBe('');
    await workspaces.answer(message);
    expect((await workspaces.messageIn(given.name, ['Completed', 'Failed'])).status?.phase).toBe('Completed');
    expect(witness.made('ask')).toBe(made + 1);
    expect((await workspaces.inWorkspace('ask', 'cat ran.txt')).stdout).toBe('once\n');

    // The same question again, and one that nobody asked.
    const again = await answer('ask', { id: question.id, decision: 'Deny' });
    const unknown = await answer('ask', { id: 'never-asked', decision: 'Allow' });
    expect((await workspaces.messageIn(again.name, ['Completed', 'Failed'])).status).toMatchObject({
      phase: 'Failed',
      reason: 'ApprovalAnswered',
    });
    expect((await workspaces.messageIn(unknown.name, ['Completed', 'Failed'])).status).toMatchObject({
      phase: 'Failed',
      reason: 'ApprovalUnknown',
    });
    expect((await workspaces.asleep('ask')).status?.approvals).toBeUndefined();
    await workspaces.ask('ask', 'say: awake');
    expect((await workspaces.inWorkspace('ask', 'cat ran.txt')).stdout).toBe('once\n');
    expect(occurrences(await workspaces.transcript('ask'), 'user', 'echo once')).toBe(1);
  });

  it('may be a question of the agent, whose answer it reads', async () => {
    const { workspaces } = here;
    await workspaces.create('choose');
    const input = {
      questions: [{ question: 'Which colour?', options: [{ label: 'Ochre' }, { label: 'Umber' }] }],
    };
    const [message, question] = await asleepWithQuestion(
      'choose',
      `tool AskUserQuestion ${JSON.stringify(input)}`,
    );
    expect(question.questions).toEqual([
      { question: 'Which colour?', options: ['Ochre', 'Umber'], several: false },
    ]);
    const empty = await answer('choose', { id: question.id, decision: 'Allow' });
    expect((await workspaces.messageIn(empty.name, ['Failed'])).status?.message).toContain('an answer');
    await answer('choose', { id: question.id, decision: 'Allow', answers: ['Umber'] });
    expect(await workspaces.answer(message)).toContain('Which colour?\n→ Umber');
  });

  it('is not run when it is denied, and the agent reads why', async () => {
    const { workspaces } = here;
    await workspaces.create('deny', { agent: { permissionMode: 'default' } });
    const [message, question] = await asleepWithQuestion('deny', 'run: touch ran.txt');
    await answer('deny', { id: question.id, decision: 'Deny', reason: 'not on a Friday' });
    expect(await workspaces.answer(message)).toContain('not on a Friday');
    expect((await workspaces.inWorkspace('deny', 'ls ran.txt')).code).not.toBe(0);
  });
});
