import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type AgentMessage, apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../support/cluster.ts';
import { commandLine, program } from '../support/command-line.ts';
import { tokenWith } from '../support/gateway.ts';
import { suite } from '../support/suite.ts';

const here = suite('cli');
const { environment, dormouse, succeed } = commandLine(here);

function messages(): Promise<(KubernetesObject & AgentMessage)[]> {
  return here.cluster.list(apiVersion, 'AgentMessage', { namespace: here.workspaces.namespace });
}

describe('the command line', () => {
  it('does everything in the life of a workspace', async () => {
    const { cluster, workspaces } = here;
    const { namespace } = workspaces;
    const options = ['--idle', '5s', '--permission-mode', 'bypassPermissions', '--env', 'COLOUR=teal'];
    expect(await succeed('new', 'ada', ...options)).toBe('agentworkspace.dormouse.dev/ada created\n');

    expect(await succeed('send', 'ada', 'run: echo "the colour is $COLOUR"')).toContain('the colour is teal');
    expect(await succeed('ls')).toMatch(/^ada +(Running|Checkpointing|Suspended) /m);

    expect(await succeed('suspend', 'ada', '--wait')).toBe('ada sleeps\n');
    expect(await workspaces.pods('ada')).toEqual([]);
    expect(await succeed('ls')).toMatch(/^ada +Suspended /m);
    expect(await dormouse(['logs', 'ada'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('sleeps'),
    });

    // Nothing changes while it is held asleep, so both see the same; the operator may still have had something to add.
    await expect
      .poll(
        async () => {
          const kubectl = await cluster.kubectl(['get', 'agentworkspaces', '-n', namespace, '-o', 'json']);
          return isDeepStrictEqual(JSON.parse(await succeed('ls', '-o', 'json')), JSON.parse(kubectl.stdout));
        },
        { timeout: 30_000 },
      )
      .toBe(true);

    expect(await succeed('wake', 'ada', '--for', '2m', '--wait')).toContain('ada runs');
    expect(await succeed('logs', 'ada', '--tail', '5')).not.toBe('');

    const digest = (await succeed('checkpoint', 'ada')).trim();
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const taken = await workspaces.checkpoints('ada');
    expect(taken.map(({ status }) => status?.digest)).toContain(digest);
    expect(await succeed('checkpoints', 'ada')).toMatch(/ada-manual-\w+ +Manual +Completed/);

    const described = await succeed('describe', 'ada');
    expect(described).toMatch(new RegExp(`^Name: +${namespace}/ada$`, 'm'));
    expect(described).toContain('✓ Ready');
    expect(described).toContain('Events\n');
    expect(await succeed('messages', 'ada')).toMatch(/^ada-\w+ +default +Completed/m);
    // Its input may come from the cache; today's tokens come half a minute later.
    expect(await succeed('usage', 'ada')).toMatch(
      /^ada +1 +[\d,]+ +[1-9][\d,]* +[\d,]+ +[\d,]+ +[\d,]+ +(-|[\d,]+)$/m,
    );

    expect(await succeed('delete', 'ada', '--yes', '--wait')).toBe('ada is deleted\n');
    expect(await dormouse(['describe', 'ada'])).toMatchObject({ code: 3 });
  });

  it('takes a text from standard input and leaves without waiting', async () => {
    const { workspaces } = here;
    await workspaces.create('inbox');
    const { code, stdout } = await dormouse(
      ['send', 'inbox', '--no-wait', '-'],
      'say: from standard input\n',
    );
    expect(code).toBe(0);
    const [, name = ''] = /^agentmessage\.dormouse\.dev\/(\S+) created\n$/.exec(stdout) ?? [];
    expect(await workspaces.answer(name)).toContain('from standard input');
  });

  it('makes no message to a workspace that does not exist', async () => {
    const { code, stdout, stderr } = await dormouse(['send', 'nobody', 'say: hello']);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain('workspace "nobody" does not exist');
    expect((await messages()).filter(({ spec }) => spec.workspaceRef.name === 'nobody')).toEqual([]);
  });

  it('ends with Ctrl-C, and the message goes on', async () => {
    const { workspaces } = here;
    await workspaces.create('patient');
    const args = [
      program,
      '--namespace',
      workspaces.namespace,
      'send',
      'patient',
      'wait: 10\nsay: still there',
    ];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...environment() } });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      told += text;
    });
    const closed = once(child, 'close');
    let sent: AgentMessage | undefined;
    // The operator has told how it stands, so the program has long heard that the message is there.
    await expect
      .poll(
        async () => {
          sent = (await messages()).find(({ spec }) => spec.workspaceRef.name === 'patient');
          return sent?.status?.phase;
        },
        { timeout: 30_000 },
      )
      .toBeDefined();
    child.kill('SIGINT');
    expect((await closed)[0]).toBe(130);
    const name = sent?.metadata.name ?? '';
    expect(told).toContain(`Message "${name}" goes on`);
    expect(await workspaces.answer(name)).toContain('still there');
  });

  it('says what the API server refuses, in its own words', async () => {
    const { code, stderr } = await dormouse(['new', 'hasty', '--idle', '1s']);
    expect(code).toBe(7);
    expect(stderr).toContain('must be at least 5s');
  });

  it('finds nothing wrong with this installation', async () => {
    // The kubeconfig of the test has a certificate, so this account stands for it at the gateway.
    await tokenWith(here.cluster, here.workspaces.namespace, 'dormouse-cli', ['dormouse-user']);
    const { code, stdout } = await dormouse(['doctor']);
    expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('✓'))).toEqual([]);
    expect(code).toBe(0);
  });

  it('names a right that is missing, and whom it is missing', async () => {
    const { cluster, workspaces } = here;
    const user = `system:serviceaccount:${workspaces.namespace}:default`;
    const { stdout: token } = await cluster.kubectl([
      'create',
      'token',
      'default',
      '-n',
      workspaces.namespace,
    ]);
    const { stdout: config } = await cluster.kubectl(['config', 'view', '--raw', '--minify', '-o', 'json']);
    const parsed = JSON.parse(config) as { users: { user: object }[] };
    for (const each of parsed.users) each.user = { token: token.trim() };
    const file = join(await mkdtemp(join(tmpdir(), 'dormouse-cli-')), 'kubeconfig');
    await writeFile(file, JSON.stringify(parsed));
    const { code, stderr } = await dormouse(['--kubeconfig', file, 'ls']);
    await rm(dirname(file), { recursive: true });
    expect(code).toBe(4);
    expect(stderr).toContain(
      `you may not list agentworkspaces.dormouse.dev in namespace ${workspaces.namespace}`,
    );
    expect(stderr).toContain(user);
  });
});
