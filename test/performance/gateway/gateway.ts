/**
 * What the gateway costs a request that is for a workspace which runs, without a cluster: the program of the release between
 * a stand-in API server and a stand-in agent, each a process of its own. Beside it the same requests go straight to the
 * agent, through nginx, and through the least that a proxy in Node.js can be.
 */
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { agentPort } from '@dormouse/agent-runtime/protocol';
import { Child } from '../child.ts';
import { type Aim, percentile, rounded } from '../statistics.ts';
import { GatewayProcess, token } from './gateway-process.ts';
import { Nginx } from './nginx.ts';
import { type Load, load } from './wrk.ts';

/** An address of the loopback interface that nothing else is likely to have: a pod's, on the port of agents. */
const podIP = '127.70.70.1';
const connections = 32;
/** Seconds of each run of wrk, and runs that count; one before them warms up. */
const runs = { warmUp: 3, each: 8, count: 2 };
/** Milliseconds until the memory of a process with new streams is read. */
const settling = 10_000;

export interface GatewayOptions {
  /** Requests one after another. */
  requests: number;
  /** Streams of events that are open at the same time. */
  streams: number;
}

export async function gateway({ requests, streams }: GatewayOptions) {
  await using api = Child.program('api-server', podIP);
  await using backend = Child.program('backend', podIP, agentPort);
  const { server } = await api.said<{ server: string }>();
  await backend.said();
  const firstByte = await firstBytes(server, requests);
  const rate = await rates(server);
  const memory = await memoryOfStreams(server, streams);
  return {
    firstByteMilliseconds: firstByte,
    throughput: rate,
    residentKilobytesPerStream: { streams, ...memory },
    aims: {
      'first byte, awake, p50 ms above direct': {
        figure: firstByte.gateway.p50 - firstByte.direct.p50,
        most: 1,
      },
      'first byte, awake, p99 ms above direct': {
        figure: firstByte.gateway.p99 - firstByte.direct.p99,
        most: 3,
      },
      'requests per processor second / nginx': {
        figure: rate.gateway.perCpuSecond / rate.nginx.perCpuSecond,
        least: 0.5,
      },
      'resident KB per idle stream': { figure: memory.gateway, most: 30 },
    } satisfies Record<string, Aim>,
  };
}

/** Milliseconds until the head of the answer, of requests that take turns, each way on one connection. */
async function firstBytes(server: string, requests: number) {
  await using gateway = await GatewayProcess.start(server);
  const ways = {
    gateway: { url: `${gateway.url}state`, agent: new Agent({ keepAlive: true }), samples: [] as number[] },
    direct: {
      url: `http://${podIP}:${agentPort}/v1/state`,
      agent: new Agent({ keepAlive: true }),
      samples: [] as number[],
    },
  };
  const warmUp = Math.ceil(requests / 4);
  for (let index = -warmUp; index < requests; index += 1)
    for (const { url, agent, samples } of Object.values(ways)) {
      const sample = await firstByte(url, agent);
      if (index >= 0) samples.push(sample);
    }
  const figures = ({ samples }: { samples: number[] }) => ({
    p50: rounded(percentile(samples, 0.5)),
    p99: rounded(percentile(samples, 0.99)),
  });
  for (const { agent } of Object.values(ways)) agent.destroy();
  return { requests, gateway: figures(ways.gateway), direct: figures(ways.direct) };
}

function firstByte(url: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = performance.now();
    const request = get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      const took = performance.now() - sent;
      if (answer.statusCode !== 200) return reject(new Error(`${url} answered ${answer.statusCode}`));
      answer.resume().once('end', () => resolve(took));
    });
    request.once('error', reject);
  });
}

/** Requests per second of processor time of each proxy, and latencies, under the same load. */
async function rates(server: string) {
  const behind = `${podIP}:${agentPort}`;
  await using nginx = await Nginx.start(behind);
  await using bare = Child.program('bare-proxy', podIP, agentPort);
  await using gateway = await GatewayProcess.start(server);
  const { port } = await bare.said<{ port: number }>();
  return {
    connections,
    nginx: await rateOf(nginx.child, `http://127.0.0.1:${nginx.port}/v1/state`),
    bareNode: await rateOf(bare, `http://127.0.0.1:${port}/v1/state`),
    gateway: await rateOf(gateway.child, `${gateway.url}state`),
  };
}

async function rateOf(proxy: Child, url: string) {
  await load(url, { connections, seconds: runs.warmUp, token });
  const before = proxy.cpuSeconds;
  const loads: Load[] = [];
  for (let run = 0; run < runs.count; run += 1)
    loads.push(await load(url, { connections, seconds: runs.each, token }));
  const cpu = proxy.cpuSeconds - before;
  const sum = (what: 'requests' | 'seconds') => loads.reduce((total, each) => total + each[what], 0);
  const mean = (what: 'p50' | 'p99') =>
    rounded(loads.reduce((total, each) => total + each[what], 0) / loads.length);
  return {
    perCpuSecond: Math.round(sum('requests') / cpu),
    perSecond: Math.round(sum('requests') / sum('seconds')),
    p50: mean('p50'),
    p99: mean('p99'),
  };
}

/** Kilobytes (1,000 bytes) by which a fresh process of each kind is larger with so many streams. */
async function memoryOfStreams(server: string, streams: number) {
  const figures = { gateway: 0, bareNode: 0 };
  {
    await using gateway = await GatewayProcess.start(server);
    figures.gateway = await perStream(gateway.child, `${gateway.url}events`, streams);
  }
  {
    await using bare = Child.program('bare-proxy', podIP, agentPort);
    const { port } = await bare.said<{ port: number }>();
    figures.bareNode = await perStream(bare, `http://127.0.0.1:${port}/v1/events`, streams);
  }
  return figures;
}

async function perStream(proxy: Child, url: string, streams: number): Promise<number> {
  // What a first stream loads is no cost of a stream.
  {
    await using one = Child.program('streams', url, 1, token);
    await one.said();
  }
  const before = proxy.residentBytes;
  await using client = Child.program('streams', url, streams, token);
  await client.said();
  await pause(settling);
  return rounded((proxy.residentBytes - before) / streams / 1000);
}
