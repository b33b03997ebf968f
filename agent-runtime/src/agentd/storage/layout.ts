import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where things lie below `state` on the volume. */
export interface Layout {
  root: string;
  transcripts: string;
  inbox: string;
  checkpoints: string;
  background: string;
  events: string;
  fork: string;
  rewind: string;
  mcpApprovals: string;
  mcpSignIns: string;
  fileHistory: string;
  plugins: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    transcripts: join(root, 'transcripts'),
    inbox: join(root, 'inbox'),
    checkpoints: join(root, 'checkpoints'),
    background: join(root, 'background.jsonl'),
    events: join(root, 'events.jsonl'),
    fork: join(root, 'fork.json'),
    rewind: join(root, 'rewind.json'),
    mcpApprovals: join(root, 'mcp-approvals.json'),
    mcpSignIns: join(root, 'mcp-sign-ins.json'),
    fileHistory: join(root, 'file-history'),
    plugins: join(root, 'plugins'),
  };
}

/**
 * Makes the folders. The group may read transcripts and plugins and nothing else: their folders are what the tools' container sees
 * (read-only), and both containers share the volume's group.
 */
export async function makeFolders(layout: Layout): Promise<void> {
  await mkdir(layout.transcripts, { recursive: true, mode: 0o750 });
  await mkdir(layout.plugins, { recursive: true, mode: 0o750 });
  await mkdir(layout.inbox, { recursive: true, mode: 0o700 });
  await mkdir(layout.checkpoints, { recursive: true, mode: 0o700 });
}
