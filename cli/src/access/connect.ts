import { HttpKubeClient, loadCredentials } from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';
import type { Access, AccessChoice } from '../surroundings.ts';
import { cliVersion } from '../version.ts';

/**
 * The cluster that the kubeconfig names, with the same credentials as kubectl. No request is sent yet, but a plugin for
 * credentials may run.
 * @throws Failure `unreachable` where there is no usable kubeconfig
 */
export async function connect(
  { kubeconfig, context, namespace }: AccessChoice,
  env: Record<string, string | undefined>,
): Promise<Access> {
  const credentials = await loadCredentials({
    env,
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  }).catch((error: Error) => {
    throw new Failure(
      'unreachable',
      error.message.trim(),
      [
        'Which contexts there are:  kubectl config get-contexts',
        'Name a kubeconfig with --kubeconfig FILE or $KUBECONFIG, and a context of it with --context NAME.',
      ],
      { cause: error },
    );
  });
  return {
    kube: new HttpKubeClient({
      credentials,
      userAgent: `dormouse-cli/${cliVersion}`,
      fieldManager: 'dormouse-cli',
    }),
    namespace: namespace ?? credentials.namespace ?? 'default',
    server: credentials.server,
    credentials,
  };
}
