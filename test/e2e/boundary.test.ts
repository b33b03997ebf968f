import { beforeAll, describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';

const here = suite('boundary');

/** Everything here runs as a tool call that a model asked for. */
describe('a tool call', () => {
  beforeAll(async () => {
    await here.workspaces.create('cage', { runPolicy: 'Always' });
    await here.workspaces.ask('cage', 'say: ready');
  });

  const tool = (command: string) => here.workspaces.ask('cage', `run: ${command}`);

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
    const answer = await tool(
      'cat /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n" | grep -icE "api.?key|anthropic|token|credential|secret"; echo done',
    );
    expect(answer).toMatch(/^\D*0\s+done/m);
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
