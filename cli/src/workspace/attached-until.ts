import { type AgentWorkspace, attachedUntilAnnotation } from '@dormouse/crds';
import { type Clock, ForbiddenError } from '@dormouse/operator/kube';
import { kinds } from '../cluster/resources.ts';
import type { Access } from '../surroundings.ts';

/**
 * Asks for a workspace to be awake until so many milliseconds from now, which wakes it. Somebody else may have asked for
 * more, and that stays.
 * @returns the workspace, and until when it is asked for
 */
export async function askAwake(
  { kube }: Access,
  { metadata, spec }: AgentWorkspace,
  milliseconds: number,
  clock: Pick<Clock, 'now'>,
  signal: AbortSignal,
): Promise<{ workspace: AgentWorkspace; until: string }> {
  const { namespace = '', name } = metadata;
  const until = latest(metadata.annotations?.[attachedUntilAnnotation], clock.now() + milliseconds);
  const workspace = await kube.patch(
    kinds.workspaces,
    { namespace, name },
    {
      metadata: { annotations: { [attachedUntilAnnotation]: until } },
      ...(spec.runPolicy === 'Suspended' && { spec: { runPolicy: 'Auto' } }),
    },
    { signal },
  );
  return { workspace, until };
}

/** Milliseconds that a workspace is asked to be awake for while it is held, and after which that is asked again. */
const held = { length: 300_000, renewal: 120_000 };

/** Keeps a workspace awake until it is disposed of. Who may not ask for it gets it as long as others do. */
export async function holdAwake(
  access: Access,
  workspace: AgentWorkspace,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ workspace: AgentWorkspace } & Disposable> {
  let current = workspace;
  let cancel = () => {};
  const ask = async () => {
    try {
      current = (await askAwake(access, current, held.length, clock, signal)).workspace;
    } catch (error) {
      if (!(error instanceof ForbiddenError) || error.status !== 403) throw error;
    }
  };
  let over = false;
  const renew = () => {
    if (over) return;
    cancel = clock.schedule(held.renewal, () => {
      // It is asked for again well before it runs out, so one time may fail.
      void ask()
        .catch(() => undefined)
        .finally(renew);
    });
  };
  await ask();
  renew();
  return {
    workspace: current,
    [Symbol.dispose]() {
      over = true;
      cancel();
    },
  };
}

/** The later of both, as RFC 3339 without milliseconds. */
function latest(annotated: string | undefined, asked: number): string {
  const known = Date.parse(annotated ?? '');
  const until = Number.isNaN(known) ? asked : Math.max(known, asked);
  return new Date(until).toISOString().replace(/\.\d+Z$/, 'Z');
}
