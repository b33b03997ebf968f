import { type AgentUsage, type AgentWorkspace, type AgentWorkspaceClass, apiVersion } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classLikeDefault, defaultClass } from '../support/classes.ts';
import { type KubernetesObject, type Reference, reference } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import { suite } from '../support/suite.ts';

const here = suite('model');
const made: Reference[] = [];
afterAll(async () => {
  for (const object of made) await here.cluster.delete(object);
});

type Secret = KubernetesObject & { data: Record<string, string> };

/** The key of the default class's provider. */
async function providerKey(): Promise<{ base64: string; value: string }> {
  const { secretRef } = (await defaultClass(here.cluster)).spec.model;
  if (secretRef === undefined) throw new Error('the default class has no secretRef');
  const found = await here.cluster.get<Secret>(reference('v1', 'Secret', secretRef.name, operatorNamespace));
  const base64 = found?.data[secretRef.key] ?? '';
  return { base64, value: Buffer.from(base64, 'base64').toString().trim() };
}

async function classLike(
  suffix: string,
  change: (spec: AgentWorkspaceClass['spec']) => void,
): Promise<string> {
  const { name } = await classLikeDefault(here.cluster, `${here.workspaces.namespace}-${suffix}`, change);
  made.push(reference(apiVersion, 'AgentWorkspaceClass', name));
  return name;
}

/** Today's account of a workspace, when it says so. */
async function account(
  workspace: string,
  holds: (spec: AgentUsage['spec']) => boolean,
): Promise<AgentUsage['spec']> {
  const { cluster, workspaces } = here;
  const { metadata } = await workspaces.get(workspace);
  const day = new Date().toISOString().slice(0, 10);
  const found = await cluster.waitFor<KubernetesObject & AgentUsage>(
    reference(apiVersion, 'AgentUsage', `${metadata.uid}-${day}`, operatorNamespace),
    'counted',
    (usage) => usage !== undefined && holds(usage.spec),
  );
  if (found === undefined) throw new Error('no account');
  return found.spec;
}

describe('the key of the provider', () => {
  let key: string;
  beforeAll(async () => {
    key = (await providerKey()).value;
    expect(key.length).toBeGreaterThan(8);
    await here.workspaces.create('keeps-none', { runPolicy: 'Always' });
    // A call has been made, so that whatever holds a key holds it now.
    expect(await here.workspaces.ask('keeps-none', 'say: asked')).toContain('asked');
  });

  /** Runs Node.js in a container of the workspace, as whoever runs there; answers what it prints. The key comes by stdin. */
  async function search(container: string, code: string): Promise<string> {
    const { cluster, workspaces } = here;
    const command = ['node', '--input-type=module', '-e', code];
    const {
      code: status,
      stdout,
      stderr,
    } = await cluster.exec(workspaces.pod('keeps-none'), container, command, key);
    expect(status, stderr).toBe(0);
    return stdout.trim();
  }

  /** Prints each place that holds the key. A process cannot look for it without holding it, so it leaves itself out. */
  const inProcesses = `
    import { readFileSync, readdirSync, openSync, readSync } from 'node:fs';
    const key = readFileSync(0);
    const found = []; let read = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && Number(name) !== process.pid)) {
      try {
        if (readFileSync('/proc/' + pid + '/environ').includes(key)) found.push(pid + ' environ');
        if (readFileSync('/proc/' + pid + '/cmdline').includes(key)) found.push(pid + ' cmdline');
        const memory = openSync('/proc/' + pid + '/mem');
        for (const line of readFileSync('/proc/' + pid + '/maps', 'latin1').split('\\n')) {
          const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (r)/.exec(line) ?? [];
          if (mode === undefined) continue;
          const end = parseInt(to, 16);
          // Pieces overlap by the key's length.
          for (let at = parseInt(from, 16); at < end; at += 1 << 20) {
            const piece = Buffer.alloc(Math.min((1 << 20) + key.length, end - at));
            let length = 0;
            try { length = readSync(memory, piece, 0, piece.length, at); } catch { continue; }
            read += length;
            if (piece.subarray(0, length).includes(key)) found.push(pid + ' memory');
          }
        }
      } catch (error) { if (!['ENOENT', 'ESRCH'].includes(error.code)) found.push(pid + ' not read: ' + error.code); }
    }
    console.log(JSON.stringify({ found: [...new Set(found)], read }));`;

  const inFiles = `
    import { readFileSync, readdirSync, lstatSync } from 'node:fs';
    import { join } from 'node:path';
    const key = readFileSync(0);
    const found = []; let files = 0;
    const walk = (folder) => {
      let names = [];
      try { names = readdirSync(folder); } catch { return; }
      for (const name of names) {
        const path = join(folder, name);
        try {
          const status = lstatSync(path);
          if (status.isDirectory() && !['/proc', '/sys', '/dev'].includes(path)) walk(path);
          if (!status.isFile() || status.size > 256 << 20) continue;
          files += 1;
          if (readFileSync(path).includes(key)) found.push(path);
        } catch {}
      }
    };
    walk('/');
    console.log(JSON.stringify({ found, files }));`;

  it.each(['agent', 'workspace'])('is in no file of the container %s', async (container) => {
    const { found, files } = JSON.parse(await search(container, inFiles));
    expect(found).toEqual([]);
    expect(files).toBeGreaterThan(100);
  });

  it.each(['agent', 'workspace'])(
    'is in no environment, command line or memory of a process of the container %s',
    async (container) => {
      const { found, read } = JSON.parse(await search(container, inProcesses));
      expect(found).toEqual([]);
      // It did look: a Node.js process has tens of megabytes.
      expect(read).toBeGreaterThan(10 << 20);
    },
  );

  it('is in no transcript, no log, no object of the namespace', async () => {
    const { cluster, workspaces } = here;
    const { namespace } = workspaces;
    expect(JSON.stringify(await workspaces.transcript('keeps-none'))).not.toContain(key);
    for (const container of ['agent', 'workspace']) {
      const log = await cluster.kubectl(['logs', '-n', namespace, 'keeps-none', '-c', container]);
      expect(log.stdout).not.toContain(key);
    }
    for (const deployment of ['dormouse-gateway', 'dormouse-operator']) {
      const log = await cluster.kubectl(['logs', '-n', operatorNamespace, `deployment/${deployment}`]);
      expect(log.stdout).not.toContain(key);
    }
    const objects = await cluster.kubectl([
      'get',
      'secrets,configmaps,pods,dormouse',
      '-n',
      namespace,
      '-o',
      'yaml',
    ]);
    expect(objects.code).toBe(0);
    expect(objects.stdout).not.toContain(key);
    expect(objects.stdout).not.toContain((await providerKey()).base64);
  });

  it('is not asked for by a tool: the door for the model knows no token of the container workspace', async () => {
    const code = `fetch('http://dormouse-gateway.${operatorNamespace}.svc:8082/v1/messages', { method: 'POST', signal: AbortSignal.timeout(5000) })
      .then((answer) => console.log(answer.status), () => console.log('shut off'))`;
    const { stdout } = await here.workspaces.inWorkspace('keeps-none', `node -e "${code}"`);
    expect(stdout.trim()).toMatch(/^(401|shut off)$/);
  });

  it('is replaced without a restart of anything', async () => {
    const { cluster, workspaces } = here;
    const secret = { ...reference('v1', 'Secret', `${workspaces.namespace}-turns`, operatorNamespace) };
    const { base64 } = await providerKey();
    await cluster.create({ ...secret, data: { 'api-key': base64 } } as KubernetesObject);
    made.push(secret);
    const name = await classLike('turns', (spec) => {
      spec.model.secretRef = { name: secret.metadata.name, key: 'api-key' };
    });
    await workspaces.create('turns', { classRef: { name } });
    expect(await workspaces.ask('turns', 'say: first')).toContain('first');
    const [before] = await workspaces.pods('turns');
    await cluster.patch(secret, { data: { 'api-key': Buffer.from('a wrong key').toString('base64') } });
    // Remembered for some seconds: sooner or later a message has to wait.
    let waiting: string | undefined;
    const deadline = Date.now() + 60_000;
    while (waiting === undefined && Date.now() < deadline) {
      const message = await workspaces.send('turns', 'say: again');
      const { status } = await workspaces.messageIn(message, ['Working', 'Completed']);
      const found =
        status?.phase === 'Completed'
          ? status
          : (
              await cluster.waitFor<KubernetesObject & { status?: { phase?: string; reason?: string } }>(
                workspaces.message(message),
                'answered, or refused',
                (each) => each?.status?.phase === 'Completed' || each?.status?.reason === 'ModelUnauthorized',
              )
            )?.status;
      if (found?.phase !== 'Completed') waiting = message;
    }
    if (waiting === undefined) throw new Error('the wrong key was never used');
    await cluster.patch(secret, { data: { 'api-key': base64 } });
    expect(await workspaces.answer(waiting)).toContain('again');
    const [after] = await workspaces.pods('turns');
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
  });
});

describe('a limit', () => {
  it('of tokens a day ends the day of a workspace, and its account says what it used', async () => {
    const { workspaces } = here;
    await workspaces.create('thrifty', { agent: { maxTokensPerDay: 2_000 } });
    await workspaces.ask('thrifty', 'say: within');
    expect((await account('thrifty', (spec) => spec.reservations.length === 0)).totalTokens).toBeGreaterThan(
      0,
    );
    let failed: { reason?: string | undefined; message?: string | undefined } | undefined;
    for (let round = 0; failed === undefined && round < 20; round += 1) {
      const message = await workspaces.send('thrifty', `say: ${'more '.repeat(200)}`);
      const { status } = await workspaces.messageIn(message, ['Completed', 'Failed']);
      if (status?.phase === 'Failed') failed = status;
    }
    expect(failed?.reason).toBe('TokenBudgetSpent');
    const { totalTokens } = await account('thrifty', (spec) => spec.reservations.length === 0);
    expect(totalTokens).toBeGreaterThanOrEqual(2_000);
    const told = await here.cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('thrifty'),
      'told what it used',
      (each) => (each?.status?.usage?.tokens ?? 0) >= 2_000,
    );
    const day = new Date().toISOString().slice(0, 10);
    expect(told?.status?.usage).toMatchObject({ day, limit: 2_000 });
    // What the operator says of it stands beside it, and neither undoes the other.
    expect(told?.status?.phase).toBeDefined();
    await workspaces.asleep('thrifty');
    expect((await workspaces.get('thrifty')).status?.usage).toMatchObject({ day, limit: 2_000 });
  });

  it('of money a day ends the day of all workspaces of the class, in the gateway’s words', async () => {
    const { workspaces } = here;
    const name = await classLike('dear', (spec) => {
      spec.model.prices = [{ model: spec.model.default, input: '1000', output: '1000' }];
      spec.model.maxCostPerDay = '0.01';
    });
    await workspaces.create('spender', { classRef: { name } });
    await workspaces.ask('spender', 'say: that was dear');
    await account(
      'spender',
      (spec) => spec.reservations.length === 0 && (spec.charges[0]?.cost ?? 0) > 10_000,
    );
    await workspaces.create('neighbour', { classRef: { name } });
    const message = await workspaces.send('neighbour', 'say: nothing left');
    const { status } = await workspaces.messageIn(message, ['Failed']);
    expect(status?.reason).toBe('CostBudgetSpent');
    expect(status?.message).toContain(`AgentWorkspaceClass ${name} may spend 0.01 a day`);
    expect(await workspaces.condition('neighbour', 'ModelReachable', 'False', 'BudgetSpent')).toContain(name);
    // A message that failed keeps nobody awake.
    await workspaces.asleep('neighbour');
  });

  it('is not for who it limits to change: accounts are kept where they cannot write', async () => {
    const { cluster, workspaces } = here;
    const { namespace } = workspaces;
    const as = `--as=system:serviceaccount:${namespace}:default`;
    const admin = { ...reference('rbac.authorization.k8s.io/v1', 'RoleBinding', 'all', namespace) };
    await cluster.create({
      ...admin,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace }],
    } as KubernetesObject);
    for (const where of [namespace, operatorNamespace]) {
      const { stdout } = await cluster.kubectl([
        'auth',
        'can-i',
        'update',
        'agentusages.dormouse.dev',
        '-n',
        where,
        as,
      ]);
      expect(stdout.trim()).toBe('no');
    }
  });
});
