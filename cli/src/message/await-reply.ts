import type { AgentMessage } from '@dormouse/crds';
import type { Clock, KubeClient } from '@dormouse/operator/kube';
import { until } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import type { Progress } from '../terminal/progress.ts';
import { standing } from './standing.ts';

/**
 * Waits until a message is completed, and tells meanwhile how it stands. Follows a watch, so it knows at once.
 * @throws Failure `failed` with the reason where the message failed, `notFound` where it was deleted meanwhile
 */
export async function awaitReply(
  kube: Pick<KubeClient, 'list' | 'watch'>,
  at: { namespace: string; name: string; signal: AbortSignal; clock: Clock },
  shown: Progress,
): Promise<AgentMessage> {
  const told = new Set<string>();
  try {
    return await until(kube, kinds.messages, at, (message) => {
      if (message === undefined) {
        throw new Failure('notFound', `message "${at.name}" was deleted before it was answered`);
      }
      if (message.status?.phase === 'Completed') return message;
      if (message.status?.phase === 'Failed') throw failure(message);
      const { doing, notes } = standing(message);
      for (const note of notes) {
        if (!told.has(note)) shown.note(note);
        told.add(note);
      }
      shown.say(doing);
      return undefined;
    });
  } finally {
    shown.end();
  }
}

function failure({ metadata, status, spec }: AgentMessage): Failure {
  const { reason = 'no reason given', message = '' } = status ?? {};
  return new Failure(
    'failed',
    `message "${metadata.name}" failed: ${reason}${message === '' ? '' : `: ${message}`}`,
    [`How the workspace is:  dormouse describe ${spec.workspaceRef.name} --namespace ${metadata.namespace}`],
  );
}
