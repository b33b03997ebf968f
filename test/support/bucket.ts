import type { AgentWorkspaceClass } from '@dormouse/crds';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import { operatorNamespace } from './operator.ts';
import { run } from './program.ts';
import { type S3Server, s3Key, startS3 } from './s3-server/index.ts';

/** The address of this machine as the nodes of a test cluster see it, whichever cluster of the engine it is. */
async function thisMachine(): Promise<string> {
  const format = '{{range .IPAM.Config}}{{.Gateway}} {{end}}';
  const { stdout, stderr, code } = await run('docker', ['network', 'inspect', 'kind', '--format', format]);
  const address = stdout.split(' ').find((each) => /^[0-9.]+$/.test(each));
  if (code !== 0 || address === undefined) throw new Error(`the network of the nodes: ${stderr || stdout}`);
  return address;
}

/** A server with one bucket that the pods of test clusters reach. */
export async function startBucket(): Promise<S3Server> {
  return startS3(['archives'], `${await thisMachine()}:0`);
}

/** Puts the key of the bucket where the gateway of a cluster reads it; `await using` removes it. */
export async function bucketSecret(
  cluster: Cluster,
  name: string,
): Promise<AsyncDisposable & { name: string }> {
  const secret = {
    ...reference('v1', 'Secret', name, operatorNamespace),
    stringData: { 'access-key-id': s3Key.accessKeyId, 'secret-access-key': s3Key.secretAccessKey },
  } as KubernetesObject;
  await cluster.create(secret);
  return { name, [Symbol.asyncDispose]: () => cluster.delete(secret) };
}

/** What a class says of it. */
export function bucketSpec(
  { address }: S3Server,
  secret: string,
  prefix: string,
): NonNullable<AgentWorkspaceClass['spec']['archive']> {
  return {
    ...{ bucket: 'archives', endpoint: `http://${address}`, region: 'us-east-1', prefix, timeout: '10m' },
    credentialsSecretRef: { name: secret },
  };
}
