import { apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { killContainer } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import type { Pod } from '../support/workspaces.ts';

const here = suite('hooks');

/**
 * A loop in the way of ralph-wiggum, written for this test: the state is a file with frontmatter, and its Stop hook hands the
 * prompt in again until the last answer holds the promise or the rounds are used up.
 */
const stopHook = `#!/bin/bash
input=$(cat)
state="$CLAUDE_PROJECT_DIR/.claude/loop.local.md"
[ -f "$state" ] || exit 0
field() { sed -n "s/^$1: *//p" "$state" | head -1; }
round=$(field iteration); most=$(field max_iterations); promise=$(field completion_promise)
transcript=$(printf %s "$input" | sed -n 's/.*"transcript_path":"\\([^"]*\\)".*/\\1/p')
last=$(grep '"role":"assistant"' "$transcript" | tail -1)
if printf %s "$last" | grep -qF "<promise>$promise</promise>" || [ "$round" -ge "$most" ]; then rm "$state"; exit 0; fi
sed -i "s/^iteration: .*/iteration: $((round + 1))/" "$state"
prompt=$(sed '1,/^---$/d' "$state")
printf '{"decision":"block","reason":"%s","systemMessage":"round %s"}' "$(printf %s "$prompt" | sed ':a;N;$!ba;s/\\n/\\\\n/g;s/"/\\\\"/g')" "$((round + 1))"
`;

/** A person is asked in the second round. */
const askHook = `grep -q "step.sh" && [ "$(cat rounds 2>/dev/null)" = 1 ] && [ ! -f asked ] && touch asked && echo '{"hookSpecificOutput":{"permissionDecision":"ask"}}' || true`;

/** Each round works a little: the third takes until it is killed, the fourth says what was promised. */
const stepScript = `round=$(($(cat rounds 2>/dev/null || echo 0) + 1)); echo $round > rounds
[ $round -ne 3 ] || [ -f fast ] || sleep 100
[ $round -lt 4 ] || echo "<promise>ALL DONE</promise>"
`;

const command = (line: string) => [{ hooks: [{ type: 'command', command: line }] }];
const settings = JSON.stringify({
  hooks: { Stop: command('bash "$CLAUDE_PROJECT_DIR"/.claude/stop.sh'), PreToolUse: command(askHook) },
});

async function withLoop(name: string, most: number, more = ''): Promise<void> {
  const { workspaces, cluster } = here;
  await workspaces.create(name, { idle: { after: '5s' } });
  await workspaces.ask(name, 'say: hello');
  const state = `---\nactive: true\niteration: 1\nmax_iterations: ${most}\ncompletion_promise: ALL DONE\n---\nrun: bash step.sh\n`;
  const files = {
    '.claude/stop.sh': stopHook,
    '.claude/settings.json': settings,
    '.claude/loop.local.md': state,
    'step.sh': stepScript,
  };
  const lines = Object.entries(files).map(
    ([path, text]) => `echo ${Buffer.from(text).toString('base64')} | base64 -d > ${path}`,
  );
  const script = ['cd /home/agent', 'mkdir -p .claude', ...lines, more].join('\n');
  const { code, stderr } = await cluster.exec(workspaces.pod(name), 'workspace', ['bash', '-c', script]);
  if (code !== 0) throw new Error(stderr);
}

const rounds = async (name: string) => (await here.workspaces.inWorkspace(name, 'cat rounds')).stdout.trim();
const kept = async (name: string) =>
  (await here.workspaces.transcript(name)).filter(
    (line) => (line as { hooks?: { keepsGoing?: boolean } }).hooks?.keepsGoing === true,
  ).length;

describe('a loop of a Stop hook', () => {
  it('goes on until its promise, across a sleep with a question open and a crash', async () => {
    const { workspaces, cluster } = here;
    await withLoop('loop', 9);
    const message = await workspaces.send('loop', 'run: bash step.sh');
    const { status } = await workspaces.asleep('loop');
    const [question] = status?.approvals?.requests ?? [];
    expect(question?.summary).toBe('bash step.sh');

    const { namespace } = workspaces;
    await cluster.create({
      ...{ apiVersion, kind: 'AgentMessage', metadata: { name: 'answer', namespace } },
      spec: { workspaceRef: { name: 'loop' }, approval: { id: question?.id, decision: 'Allow' } },
    } as Parameters<typeof cluster.create>[0]);
    const working = () => cluster.exec(workspaces.pod('loop'), 'workspace', ['cat', '/home/agent/rounds']);
    await expect.poll(async () => (await working()).stdout, { timeout: 60_000, interval: 500 }).toBe('3\n');
    const pod = await cluster.get<Pod>(workspaces.pod('loop'));
    if (pod === undefined) throw new Error('the workspace has no pod');
    await killContainer(pod, 'agent');

    expect(await workspaces.answer(message)).toContain('<promise>ALL DONE</promise>');
    expect(await rounds('loop')).toBe('4');
    expect(await kept('loop')).toBe(3);
    expect((await workspaces.inWorkspace('loop', 'ls .claude/loop.local.md')).code).not.toBe(0);
  });

  it('ends at its limit', async () => {
    const { workspaces } = here;
    await withLoop('limit', 2, 'touch fast asked');
    await workspaces.ask('limit', 'run: bash step.sh');
    expect(await rounds('limit')).toBe('2');
    expect(await kept('limit')).toBe(1);
  });
});
