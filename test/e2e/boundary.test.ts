import { beforeAll, describe, expect, it } from 'vitest';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { suite } from '../support/suite.ts';

const here = suite('boundary');

/** Everything here runs as a tool call that a model asked for. */
describe('a tool call', () => {
  beforeAll(async () => {
    await here.workspaces.create('cage', { runPolicy: 'Always' });
    await here.workspaces.ask('cage', 'say: ready');
  });

  const tool = (command: string) => here.workspaces.ask('cage', `run: ${command}`);

  /** What the workspace's Secret holds. */
  async function secretEntries(): Promise<Record<string, string>> {
    const { cluster, workspaces } = here;
    const secret = await cluster.get<KubernetesObject & { data: Record<string, string> }>(
      reference('v1', 'Secret', 'cage-runtime', workspaces.namespace),
    );
    return Object.fromEntries(
      Object.entries(secret?.data ?? {}).map(([entry, value]) => [
        entry,
        Buffer.from(value, 'base64').toString(),
      ]),
    );
  }

  it('runs as uid 1000 without capabilities and cannot gain any', async () => {
    const answer = await tool('id -u; grep -E "CapEff|CapBnd|NoNewPrivs|Seccomp:" /proc/self/status');
    expect(answer).toMatch(/\b1000\b/);
    expect(answer).toMatch(/CapEff:\s+0000000000000000/);
    expect(answer).toMatch(/CapBnd:\s+0000000000000000/);
    expect(answer).toMatch(/NoNewPrivs:\s+1/);
    expect(answer).toMatch(/Seccomp:\s+2/);
  });

  it('reads no key of the model and no key of agentd: not in files, not in any environment', async () => {
    expect(await tool('ls /etc/dormouse; echo exit=$?')).toMatch(/exit=2/);
    const environments = await tool('cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | sort -u');
    const entries = await secretEntries();
    // The one entry that is meant for tools is found: so would be the others, if they were there.
    const proxy = entries['egress-proxy'] ?? '';
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'])
      expect(environments).toContain(`${name}=http://${here.workspaces.namespace}.cage:`);
    expect(environments).toContain(proxy);
    expect(entries.key).toMatch(/^[0-9a-f]{64}$/);
    expect(environments).not.toContain(entries.key);
    expect(environments.replaceAll(proxy, '')).not.toMatch(/api.?key|anthropic|token|credential|secret/i);
    const found = await tool('find / -xdev -name config.json -path "*dormouse*" 2>/dev/null | wc -l');
    expect(found).toMatch(/\b0\b/);
  });

  it('finds no Kubernetes token', async () => {
    const answer = await tool(
      'ls /var/run/secrets /run/secrets 2>&1; mount | grep -c serviceaccount; find / -xdev -name token -size -16k 2>/dev/null | wc -l',
    );
    expect(answer).not.toContain('kubernetes.io');
    expect(answer.match(/^\s*0\s*$/gm)?.length).toBeGreaterThanOrEqual(2);
  });

  it('cannot write a transcript, nor see the inbox or a checkpoint', async () => {
    expect(await tool('echo forged >> /var/lib/dormouse/transcripts/default.jsonl; echo exit=$?')).toMatch(
      /Read-only file system[\s\S]*exit=1|exit=1/,
    );
    expect(await tool('rm -f /var/lib/dormouse/transcripts/default.jsonl; echo exit=$?')).toMatch(/exit=1/);
    expect(await tool('ls /var/lib/dormouse')).not.toMatch(/inbox|checkpoints|background/);
    const transcript = await here.workspaces.transcript('cage');
    expect(transcript.every((line) => typeof line.uuid === 'string')).toBe(true);
  });

  it('cannot see or signal agentd', async () => {
    const answer = await tool(
      'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "agentd" ; ps -e -o uid= | sort -u | tr -d " \\n"; echo; kill -9 -1; echo after',
    );
    expect(answer).not.toContain('7000');
    const pod = (await here.workspaces.pods('cage'))[0];
    expect(pod?.status?.containerStatuses?.find((each) => each.name === 'agent')?.restartCount).toBe(0);
    expect(await here.workspaces.ask('cage', 'say: still here')).toContain('still here');
  });

  it('gets nothing from the API of agentd without the key', async () => {
    const answer = await tool(
      "for p in state events sessions messages checkpoints; do curl -s -o /dev/null -w '%{http_code} ' -H 'x-dormouse-key: guess' http://127.0.0.1:7070/v1/$p; done",
    );
    expect(answer.match(/\b401\b/g)).toHaveLength(5);
  });
});
