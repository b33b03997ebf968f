import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
});
afterEach(() => person[Symbol.asyncDispose]());

const made = () => person.server.objects.get(collections.workspaces, 'team/ada');

describe('new', () => {
  it('leaves out what is not said, so that the defaults are those of the API server', async () => {
    const { code, out } = await person.run('new', 'ada');
    expect({ code, out }).toEqual({ code: 0, out: 'agentworkspace.dormouse.dev/ada created\n' });
    expect(made()?.spec).toEqual({});
  });

  it('puts each option where it belongs', async () => {
    const options = ['--class', 'big', '--model', 'm', '--idle', '10m', '--size', '5Gi'];
    const more = [
      '--permission-mode',
      'acceptEdits',
      '--system-prompt',
      'Be kind.',
      '--env',
      'A=1',
      '--env',
      'B=x=y',
    ];
    await person.run('new', 'ada', ...options, ...more);
    expect(made()?.spec).toEqual({
      classRef: { name: 'big' },
      storage: { size: '5Gi' },
      idle: { after: '10m' },
      agent: { model: 'm', systemPrompt: 'Be kind.', permissionMode: 'acceptEdits' },
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: 'x=y' },
      ],
    });
  });

  it('starts from a manifest, under its own name, with the options over it', async () => {
    person.files['w.yaml'] = [
      'apiVersion: dormouse.dev/v1alpha1',
      'kind: AgentWorkspace',
      'metadata: {name: other, labels: {team: red}}',
      'spec: {storage: {size: 1Gi, retain: Retain}, env: [{name: A, value: "0"}]}',
    ].join('\n');
    await person.run('new', 'ada', '--file', 'w.yaml', '--size', '5Gi', '--env', 'A=1');
    expect(made()).toMatchObject({
      metadata: { labels: { team: 'red' } },
      spec: { storage: { size: '5Gi', retain: 'Retain' }, env: [{ name: 'A', value: '1' }] },
    });
  });

  it('refuses a manifest of something else, a missing one and a variable without a value', async () => {
    person.files['w.yaml'] = 'kind: Pod';
    for (const args of [
      ['--file', 'w.yaml'],
      ['--file', 'none'],
      ['--env', 'A'],
      ['--idle', '5 minutes'],
    ]) {
      expect(await person.run('new', 'ada', ...args)).toMatchObject({ code: 2 });
    }
    expect(made()).toBeUndefined();
  });

  it('shows what it would make with --dry-run, and makes nothing', async () => {
    const { out } = await person.run('new', 'ada', '--idle', '10m', '--dry-run');
    expect(parse(out)).toEqual({
      apiVersion: 'dormouse.dev/v1alpha1',
      kind: 'AgentWorkspace',
      metadata: { name: 'ada' },
      spec: { idle: { after: '10m' } },
    });
    expect(person.server.requests).toEqual([]);
  });

  it('waits until the agent answers, or says why it cannot run', async () => {
    const waiting = person.start('new', 'ada', '--wait');
    await expect.poll(() => person.server.openWatches).toBe(1);
    person.workspace('ada', { status: { phase: 'Starting' } });
    person.workspace('ada', { status: { phase: 'Running' } });
    expect(await waiting.ended).toMatchObject({ code: 0 });

    const failing = person.start('new', 'bob', '--wait');
    await expect.poll(() => person.server.objects.get(collections.workspaces, 'team/bob')).toBeDefined();
    const message = 'AgentWorkspaceClass big does not exist.';
    person.workspace('bob', { status: { phase: 'Failed', conditions: [{ type: 'Ready', message }] } });
    const { code, err } = await failing.ended;
    expect(code).toBe(1);
    expect(err).toContain(`workspace "bob" cannot run: ${message}`);
  });
});
