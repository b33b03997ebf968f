import { describe, expect, it } from 'vitest';
import { onNode } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import { occurrences } from '../support/workspaces.ts';

const here = suite('checkpoint');

/** The folder of a workspace's volume on the node that last ran it. */
async function volumeFolder(workspace: string): Promise<{ node: string; folder: string }> {
  const { cluster, workspaces } = here;
  const claim = await cluster.get<never>(workspaces.claim(workspace));
  const uid = (claim as unknown as { metadata: { uid: string } }).metadata.uid;
  const nodes = await cluster.list('v1', 'Node');
  for (const { metadata } of nodes) {
    const found = await onNode(
      metadata.name,
      // Volumes lie under /var, on a mount of its own; what kubelet mounts into pods is the same folder once more.
      `find /var -type d -path '*${uid}*' -name state -not -path '*/pods/*' 2>/dev/null | head -n 1`,
    );
    if (found.trim() !== '') return { node: metadata.name, folder: found.trim() };
  }
  throw new Error(`no node holds the volume of ${workspace}`);
}

/** Sleeps twice, then damages the manifest of the newest checkpoint by a command that is told its path; answers its number. */
async function spoilt(workspace: string, damage: (manifest: string) => string): Promise<number> {
  const { workspaces } = here;
  await workspaces.create(workspace);
  await workspaces.ask(workspace, 'remember: chalk');
  await workspaces.asleep(workspace);
  await workspaces.ask(workspace, 'remember: slate');
  const sequence = (await workspaces.asleep(workspace)).status?.checkpoint?.sequence ?? 0;
  const { node, folder } = await volumeFolder(workspace);
  await onNode(node, damage(`${folder}/checkpoints/${String(sequence).padStart(8, '0')}/manifest.json`));
  return sequence;
}

async function wokeWithoutLoss(workspace: string, rejected: number): Promise<void> {
  const { workspaces } = here;
  const recalled = await workspaces.ask(workspace, 'recall');
  expect(recalled).toContain('chalk');
  expect(recalled).toContain('slate');
  expect(await workspaces.condition(workspace, 'ProcessesRestored', 'False', 'CheckpointRejected')).toMatch(
    new RegExp(`\\b${rejected}\\b`),
  );
  const transcript = await workspaces.transcript(workspace);
  expect(occurrences(transcript, 'user', 'remember: slate')).toBe(1);
}

describe('a bad checkpoint', () => {
  it('whose manifest is cut short: the one before is used, nothing is lost, the condition says so', async () => {
    const sequence = await spoilt('cut', (manifest) => `truncate -s 40 ${manifest}`);
    await wokeWithoutLoss('cut', sequence);
    await here.workspaces.asleep('cut');
  });

  it('whose digest does not match: likewise', async () => {
    const flip = (manifest: string) => `sed -Ei 's/("sha256": ?)"[0-9a-f]/\\1"x/' ${manifest}`;
    await wokeWithoutLoss('flipped', await spoilt('flipped', flip));
  });
});
