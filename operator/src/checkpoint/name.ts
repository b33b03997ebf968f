/** The name of the AgentCheckpoint of a sleep, and of its VolumeSnapshot. */
export function checkpointName(workspace: string, sequence: number): string {
  return `${workspace}-${sequence}`;
}
