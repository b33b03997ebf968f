import type { AgentCheckpoint, AgentWorkspace } from '@dormouse/crds';

/** Something for which a checkpoint is there. */
export interface Need {
  /** In the sense of "it is …". */
  text: string;
  /** Whether it would be lost, or fail, without it. */
  blocks: boolean;
}

export interface Needs {
  of(checkpoint: AgentCheckpoint): Need[];
  /** Names of the workspaces that began with it. */
  forksOf(checkpoint: AgentCheckpoint): string[];
}

/**
 * What the checkpoints of a workspace are needed for.
 * @param workspaces all of its namespace: forks are among them
 */
export function neededFor(
  { metadata, status }: AgentWorkspace,
  workspaces: readonly AgentWorkspace[],
): Needs {
  const forks = workspaces.flatMap((each) => {
    const from = each.status?.forkedFrom;
    const begun = from !== undefined && from.workspaceUID === metadata.uid ? from.checkpoint : undefined;
    const waits = from === undefined ? each.spec.source?.checkpointRef?.name : undefined;
    const checkpoint = begun ?? waits;
    return checkpoint === undefined
      ? []
      : [{ name: each.metadata.name, checkpoint, waits: begun === undefined }];
  });
  const forksOf = (checkpoint: AgentCheckpoint) =>
    forks.filter((each) => each.checkpoint === checkpoint.metadata.name);
  const rewind = status?.rewind;
  const rewinding = rewind !== undefined && rewind.phase !== 'Completed' && rewind.phase !== 'Failed';
  return {
    forksOf: (checkpoint) => forksOf(checkpoint).map(({ name }) => name),
    of(checkpoint) {
      const { name } = checkpoint.metadata;
      const needs: Need[] = [];
      if (name === status?.checkpoint?.name)
        needs.push({ text: 'what the next wake starts from', blocks: true });
      if (rewinding && (name === rewind.to.checkpoint || name === rewind.checkpoint))
        needs.push({ text: 'needed by the rewind under way', blocks: true });
      else if (rewind?.phase === 'Completed' && name === rewind.checkpoint)
        needs.push({ text: 'the way back from the last rewind', blocks: true });
      for (const fork of forksOf(checkpoint))
        needs.push(
          fork.waits
            ? { text: `what the fork ${fork.name} is being made from`, blocks: true }
            : { text: `what the fork ${fork.name} began with`, blocks: false },
        );
      return needs;
    },
  };
}
