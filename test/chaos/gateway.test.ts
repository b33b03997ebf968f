import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventStreamParser, type ServerSentEvent } from '../../operator/src/runtime/sse.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { killContainer } from '../support/nodes.ts';
import { operatorNamespace, podsOf } from '../support/operator.ts';
import { suite } from '../support/suite.ts';
import type { Pod } from '../support/workspaces.ts';

const here = suite('killed-gateway');
let user: string;
beforeAll(async () => {
  user = await tokenWith(here.cluster, here.workspaces.namespace, 'user', ['dormouse-user']);
});

/** The replicas that there are, each with a way to it alone; the first is the one that was killed least. */
let replicas: { pod: Pod; door: GatewayForward }[] = [];
const doors = async () => {
  await closeDoors();
  await here.cluster.waitFor<KubernetesObject & { status?: { readyReplicas?: number } }>(
    reference('apps/v1', 'Deployment', 'dormouse-gateway', operatorNamespace),
    '2 replicas ready',
    (deployment) => deployment?.status?.readyReplicas === 2,
    120_000,
  );
  const restarts = ({ status }: Pod) => status?.containerStatuses?.[0]?.restartCount ?? 0;
  const pods = (await podsOf(here.cluster, 'gateway')).sort((one, other) => restarts(one) - restarts(other));
  replicas = await Promise.all(
    pods.map(async (pod) => ({ pod, door: await GatewayForward.open(here.cluster, pod) })),
  );
  return replicas as [(typeof replicas)[number], (typeof replicas)[number]];
};
const closeDoors = async () => {
  for (const { door } of replicas.splice(0)) await door[Symbol.asyncDispose]();
};
afterAll(closeDoors);

/** The events of a stream until it ends. */
async function* eventsOf(answer: Response): AsyncGenerator<ServerSentEvent> {
  expect(answer.status).toBe(200);
  const parser = new EventStreamParser(8 << 20);
  for await (const chunk of answer.body as ReadableStream<Uint8Array>) yield* parser.push(chunk);
}
const isEnd = (key: string) => (event: ServerSentEvent) => {
  if (event.type !== 'message') return false;
  const data = JSON.parse(event.data) as { key: string; phase: string };
  return data.key === key && data.phase === 'Completed';
};
/** Those that are kept and told again to whoever comes back; text as it streams is not. */
const numbered = (events: readonly ServerSentEvent[]) =>
  events.flatMap(({ id, type, data }) =>
    id === undefined ? [] : [{ id, type, data: JSON.parse(data) as unknown }],
  );

/** What a client does that reads events: it goes on after the last one that it has. */
class Reader {
  readonly events: ServerSentEvent[] = [];
  readonly #workspace: string;

  constructor(workspace: string) {
    this.#workspace = workspace;
  }

  get cursor(): string {
    return this.events.findLast(({ id }) => id !== undefined)?.id ?? '0';
  }

  /** Reads until `last` holds; false where the stream broke before. `seen` is told each event. */
  async read(
    door: GatewayForward,
    last: (event: ServerSentEvent) => boolean,
    seen: (event: ServerSentEvent) => void = () => undefined,
  ): Promise<boolean> {
    try {
      const limit = { signal: AbortSignal.timeout(90_000) };
      const path = `agent/events?after=${this.cursor}`;
      const answer = await door.fetch(here.workspaces.namespace, this.#workspace, path, user, limit);
      for await (const event of eventsOf(answer)) {
        this.events.push(event);
        seen(event);
        if (last(event)) return true;
      }
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') throw error;
    }
    return false;
  }
}

/** Sends a message whose answer takes `seconds` to stream, and answers its key. */
async function longMessage(door: GatewayForward, workspace: string, seconds: number): Promise<string> {
  const key = `long-${workspace}`;
  const body = JSON.stringify({ key, session: 'default', text: `run: echo ran >> runs\nwait: ${seconds}` });
  const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  const answer = await door.fetch(here.workspaces.namespace, workspace, 'agent/messages', user, init);
  expect(answer.status).toBe(202);
  return key;
}

/** That this reader missed nothing and saw nothing twice: it has exactly what one has who reads all of it now. */
async function sawEverything(reader: Reader, door: GatewayForward, workspace: string, key: string) {
  const whole = new Reader(workspace);
  expect(await whole.read(door, isEnd(key))).toBe(true);
  expect(numbered(reader.events)).toEqual(numbered(whole.events));
}

describe('kill -9 of a gateway', () => {
  it('that holds a request: asked again, the other one answers, and the workspace was woken once', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('held');
    await workspaces.ask('held', 'say: hello');
    await workspaces.asleep('held');
    const before = witness.made('held');
    const [first, second] = await doors();
    const ask = ({ door }: typeof first) => door.fetch(workspaces.namespace, 'held', 'agent/state', user);
    const held = ask(first).then(
      (answer) => answer.status,
      () => 'cut off',
    );
    await workspaces.inPhase('held', 'Starting');
    await killContainer(first.pod, 'gateway');
    expect(await held).toBe('cut off');
    expect((await ask(second)).status).toBe(200);
    expect(witness.made('held')).toBe(before + 1);
  });

  it('that streams: the client goes on at the other one, with every event once', async () => {
    const { workspaces } = here;
    await workspaces.create('streaming', { runPolicy: 'Always' });
    await workspaces.inPhase('streaming', 'Running');
    const [first, second] = await doors();
    const key = await longMessage(second.door, 'streaming', 8);
    const reader = new Reader('streaming');
    let kill: Promise<void> | undefined;
    const ended = await reader.read(first.door, isEnd(key), ({ type }) => {
      // Text comes: the answer is under way.
      if (type === 'delta') kill ??= killContainer(first.pod, 'gateway');
    });
    await kill;
    expect({ killed: kill !== undefined, ended }).toEqual({ killed: true, ended: false });
    expect(await reader.read(second.door, isEnd(key))).toBe(true);
    await sawEverything(reader, second.door, 'streaming', key);
    expect(await workspaces.ask('streaming', 'run: wc -l < runs')).toMatch(/\b1\b/);
  });
});

describe('a workspace that is killed while it streams', () => {
  it('goes on in the same stream, with every event once', async () => {
    const { workspaces } = here;
    await workspaces.create('killed', { runPolicy: 'Always' });
    await workspaces.inPhase('killed', 'Running');
    const [, { door }] = await doors();
    const key = await longMessage(door, 'killed', 6);
    const reader = new Reader('killed');
    let kill: Promise<void> | undefined;
    const killAgent = async () => {
      const [pod] = await workspaces.pods('killed');
      if (pod !== undefined) await killContainer(pod, 'agent');
    };
    const ended = await reader.read(door, isEnd(key), ({ type }) => {
      if (type === 'delta') kill ??= killAgent();
    });
    await kill;
    expect({ killed: kill !== undefined, ended }).toEqual({ killed: true, ended: true });
    await sawEverything(reader, door, 'killed', key);
    expect(await workspaces.ask('killed', 'run: wc -l < runs')).toMatch(/\b1\b/);
  });
});
