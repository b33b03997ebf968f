import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import type { Pod } from '../support/workspaces.ts';

/** What a process of the operator has used so far: processor seconds, and bytes of memory now. */
export interface Usage {
  cpuSeconds: number;
  residentBytes: number;
}

/** Reads the metrics of one replica by way of the API server. */
export async function usage(cluster: Cluster, pod: Pod): Promise<Usage> {
  const text = await metricsOf(cluster, pod);
  return {
    cpuSeconds: metric(text, 'process_cpu_seconds_total'),
    residentBytes: metric(text, 'process_resident_memory_bytes'),
  };
}

/** Waits until nothing is queued at the replica that leads. */
export async function settled(cluster: Cluster, pod: Pod): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (let quiet = 0; quiet < 3; ) {
    if (Date.now() > deadline) throw new Error('the queue of the operator does not get empty');
    quiet = metric(await metricsOf(cluster, pod), 'dormouse_queue_depth') === 0 ? quiet + 1 : 0;
    await pause(500);
  }
}

/** The log of one replica, a parsed line each; lines that are no JSON are left out. */
export async function logOf(
  cluster: Cluster,
  pod: Pod,
): Promise<{ msg?: string; [field: string]: unknown }[]> {
  const { stdout, stderr, code } = await cluster.kubectl([
    ...['logs', '--namespace', operatorNamespace, pod.metadata.name],
  ]);
  if (code !== 0) throw new Error(`kubectl logs ${pod.metadata.name}: ${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { msg?: string });
}

async function metricsOf(cluster: Cluster, pod: Pod): Promise<string> {
  const path = `/api/v1/namespaces/${operatorNamespace}/pods/${pod.metadata.name}:8080/proxy/metrics`;
  return String(await cluster.request('GET', path));
}

function metric(text: string, name: string): number {
  const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`the operator has no metric ${name}`);
  return Number(value);
}
