/**
 * What hack/up.sh shows: a workspace is made, works, falls asleep, and wakes as the same one.
 *
 *   tour.ts WORKSPACE.yaml demo|real
 *
 * It uses kubectl alone, as a person would. KUBE_CONTEXT names the context where it isn't the current one.
 */
import { readFileSync } from 'node:fs';
import { kubectl, watch } from './tour/kubectl.ts';
import { followTranscript } from './tour/transcript.ts';

const sleepLimitMs = 120_000;
const answerLimitMs = 180_000;

const [manifest = '', model = 'demo'] = process.argv.slice(2);
const name = /^ {2}name: (\S+)$/m.exec(readFileSync(manifest, 'utf8'))?.[1];
if (name === undefined) throw new Error(`${manifest} names no workspace`);

const messages =
  model === 'demo'
    ? [
        'remember: the launch is on Friday\nwrite plan.md: test, then ship\nrun: uname -sr && ls -l plan.md',
        'recall\nread plan.md',
      ]
    : [
        'The launch is on Friday; keep that in mind. Write "test, then ship" into plan.md, and tell me which kernel you run on.',
        'When is the launch? And what does plan.md say?',
      ];

const started = performance.now();
const quietMs = 8_000;
let lastSaid = started;

/** One line with the time since the tour began. */
function say(text: string, mark = ' '): void {
  lastSaid = performance.now();
  const seconds = ((lastSaid - started) / 1000).toFixed(1);
  for (const [index, line] of text.trimEnd().split('\n').entries()) {
    console.log(`${index === 0 ? `${seconds.padStart(6)}s ${mark}` : '         '} ${line}`);
  }
}

/** Sends a message and shows what happens until it is answered. Answers the reply. */
async function ask(text: string): Promise<string> {
  const message = await kubectl(
    ['create', '--filename', '-', '--output', 'jsonpath={.metadata.name}'],
    JSON.stringify({
      apiVersion: 'dormouse.dev/v1alpha1',
      kind: 'AgentMessage',
      metadata: { generateName: `${name}-` },
      spec: { workspaceRef: { name }, text },
    }),
  );
  say(text, '▶');
  const done = '{.status.phase} {.status.reason}';
  const final = await watch('agentmessage', message, done, answerLimitMs, (state) => {
    say(`message ${state.trim() || 'Pending'}`);
    return /^(Completed|Failed)/.test(state);
  });
  const field = (path: string) => kubectl(['get', 'agentmessage', message, '--output', `jsonpath={${path}}`]);
  if (!final.startsWith('Completed')) {
    throw new Error(
      `the message failed: ${await field('.status.message')}; look at "kubectl describe agentmessage ${message}"`,
    );
  }
  return field('.status.reply.text');
}

async function pods(): Promise<number> {
  const found = await kubectl([
    'get',
    'pods',
    '--selector',
    `dormouse.dev/workspace=${name}`,
    '--output',
    'name',
  ]);
  return found.split('\n').filter(Boolean).length;
}

/** Follows the phases of the workspace until it sleeps. */
async function untilAsleep(): Promise<void> {
  const state = '{.status.phase} {.status.conditions[?(@.type=="Ready")].message}';
  await watch('agentworkspace', name as string, state, sleepLimitMs, (now) => now.startsWith('Suspended'));
}

const before = await kubectl([
  'get',
  'agentworkspace',
  name,
  '--ignore-not-found',
  '--output',
  'jsonpath={.status.phase}',
]);
say(await kubectl(['apply', '--filename', manifest]));
if (before !== '') say(`it is there already: ${before}`);

const stop = new AbortController();
const heartbeat = setInterval(() => {
  if (performance.now() - lastSaid >= quietMs) say('…');
}, 500);
const background = Promise.all([
  watch(
    'agentworkspace',
    name,
    '{.status.phase}',
    undefined,
    (phase) => {
      if (phase !== '') say(`workspace ${phase}`, '●');
      return false;
    },
    stop.signal,
  ),
  followTranscript(name, (line) => say(line, '·'), stop.signal),
]);
try {
  const first = await ask(messages[0] as string);
  say(first, '◀');
  say('nothing more to do: it falls asleep when it has been idle for as long as its spec says');
  await untilAsleep();
  say(`asleep: ${await pods()} pods`);
  say(await kubectl(['get', `agentworkspace/${name}`, `persistentvolumeclaim/${name}`]));
  const second = await ask(messages[1] as string);
  say(second, '◀');
  say('the same agent, in a new pod: it knew what only the first message said');
} finally {
  clearInterval(heartbeat);
  stop.abort();
  await background;
}
