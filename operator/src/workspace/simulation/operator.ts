import type { ArchiveProgress, MessageRecord } from '@dormouse/agent-runtime/protocol';
import { pino } from 'pino';
import { Expectations } from '../../cache/index.ts';
import { AgentUnreachableError, noRuntime, type RuntimeView } from '../../runtime/index.ts';
import { RateLimit } from '../rate-limit.ts';
import { Reconciler } from '../reconciler.ts';
import { eventReadsPerSecond } from '../surroundings.ts';
import type { SimulatedAgent } from './agent.ts';
import type { SimulatedApiServer } from './api-server.ts';
import type { World } from './world.ts';

/** What the operator heard from the agent so far; it goes with the operator. */
export interface Heard {
  view: RuntimeView;
}

/** A new operator process: what the one before remembered is lost. */
export function startOperator(
  { server, caches, heard }: { server: SimulatedApiServer; caches: World['caches']; heard: Heard },
  {
    now,
    agents,
    archiveProgress,
  }: {
    now: () => number;
    agents: () => SimulatedAgent[];
    archiveProgress: () => ArchiveProgress | undefined;
  },
): Reconciler {
  const clock = { now: () => now(), monotonic: () => now(), schedule: () => () => undefined };
  const expect = {
    pods: new Expectations(caches.pods, { clock }),
    claims: new Expectations(caches.claims, { clock }),
  };
  /** A connection leads to one pod: an agent that came later is not reached through it. */
  const reach = (): SimulatedAgent =>
    agents().find((each) => each.podUID === heard.view.podUID && each.alive) ?? unreachable();
  const connection = {
    client: {
      postMessage: async (request: { key: string; session: string }) =>
        reach().post(request.key, request.session),
      answerApproval: async (id: string, { key = '' }: { key?: string }) => reach().answer(id, key),
      putConfig: async ({ config }: { config: { revision: string } }) => {
        reach().revision = config.revision;
      },
      requestCheckpoint: async (request: { sequence: number; trigger: string; hold: boolean }) =>
        reach().requestCheckpoint(request.sequence, request.trigger, request.hold),
      cancelCheckpoint: async (sequence: number) => reach().cancelCheckpoint(sequence),
      state: async () => {
        const agent = reach();
        return agent.state();
      },
      manifestDigest: async (sequence: number) => reach().manifestDigest(sequence),
    },
    noteRecord: (uid: string, record: MessageRecord) => {
      heard.view = { ...heard.view, records: new Map([...heard.view.records, [uid, record]]) };
    },
    note: (change: (state: NonNullable<RuntimeView['state']>) => NonNullable<RuntimeView['state']>) => {
      if (heard.view.state !== undefined) heard.view = { ...heard.view, state: change(heard.view.state) };
    },
    forgetRecords: () => undefined,
  };
  return new Reconciler({
    log: pino({ level: 'silent' }),
    sources: {
      now: () => now(),
      caches: caches as never,
      expected: expect,
      settings: {
        accessMode: 'ReadWriteOncePod',
        checkpointTimeout: 120_000,
        gatewayHost: 'gateway.test',
      },
    },
    surroundings: {
      kube: server,
      now: () => now(),
      expect,
      agent: () => (heard.view.podUID === undefined ? undefined : connection) as never,
      archivePassword: (repository) => `password of ${repository}`,
      archiveProgress: async () => archiveProgress(),
      agentKey: () => 'key',
      egressProxy: () => 'http://gateway.test:8083',
      release: { namespace: 'dormouse-system', operatorOutside: false },
      record: () => undefined,
      measure: () => undefined,
      eventReads: new RateLimit(eventReadsPerSecond),
      policies: new Map(),
    },
    connections: {
      get: () => connection as never,
      view: () => heard.view,
      connect: (_key, target) => {
        if (heard.view.podUID === target.podUID) return;
        heard.view = { ...noRuntime, podUID: target.podUID, since: now() };
      },
      disconnect: () => {
        heard.view = noRuntime;
      },
    },
  });
}

function unreachable(): never {
  throw new AgentUnreachableError('connection refused');
}
