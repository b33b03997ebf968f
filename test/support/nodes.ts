import { fileURLToPath } from 'node:url';
import type { Cluster } from './cluster.ts';
import { run } from './program.ts';
import type { Pod } from './workspaces.ts';

const clusterCommand = fileURLToPath(new URL('../../hack/cluster', import.meta.url));
export const clusterName = process.env.DORMOUSE_CLUSTER ?? 'dormouse';

/** Runs a shell command on a node of the test cluster; throws where it fails. */
export async function onNode(node: string, command: string): Promise<string> {
  const { code, stdout, stderr } = await run(clusterCommand, [
    '--name',
    clusterName,
    'exec',
    node,
    'bash',
    '-c',
    command,
  ]);
  if (code !== 0) throw new Error(`on node ${node}: ${command}: exit ${code}: ${stderr || stdout}`);
  return stdout;
}

/** Gives an image a second name on the nodes that have it, as a new version of it would have. */
export async function nameAgain(cluster: Cluster, image: string, name: string): Promise<void> {
  const tag = `ctr -n k8s.io images tag --force ${image} ${name}`;
  for (const { metadata } of await cluster.list('v1', 'Node'))
    await onNode(metadata.name, `if ctr -n k8s.io images ls -q | grep -qxF ${image}; then ${tag}; fi`);
}

/** Kills the main process of a container from its node with SIGKILL, as the kernel's OOM killer would. */
export async function killContainer(pod: Pod, container: string): Promise<void> {
  const status = pod.status?.containerStatuses?.find((each) => each.name === container);
  const id = status?.containerID?.replace(/^containerd:\/\//, '');
  if (id === undefined || pod.spec.nodeName === undefined)
    throw new Error(`container ${container} of pod ${pod.metadata.name} does not run`);
  await onNode(pod.spec.nodeName, `ctr -n k8s.io tasks kill --signal SIGKILL ${id}`);
}
