import { agentWorkspaceSpec, archiveSnapshots, repositoryPath } from '@dormouse/crds';
import { z } from 'zod';
import { Failure } from '../failure.ts';

/**
 * What `dormouse export` writes and `dormouse import` reads: where an archive is, what opens it, and the spec to go on with. The files
 * themselves stay in the bucket. Whoever has it, and may read the bucket, can read the workspace.
 */
export const exportedWorkspace = z.object({
  format: z.literal('dormouse.dev/exported-workspace/1'),
  workspace: z.object({ namespace: z.string().min(1), name: z.string().min(1), uid: z.string().min(1) }),
  checkpoint: z.string().min(1),
  sequence: z.int().min(1),
  repository: repositoryPath,
  snapshots: archiveSnapshots,
  bytes: z.int().min(0),
  password: z.string().min(1),
  spec: agentWorkspaceSpec.partial(),
});
export type ExportedWorkspace = z.output<typeof exportedWorkspace>;

/** @throws Failure `usage` where the text is none. */
export function parseExported(file: string, text: string): ExportedWorkspace {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Failure('usage', `${file} is no JSON: it must be a file that dormouse export wrote`);
  }
  const read = exportedWorkspace.safeParse(data);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Failure(
    'usage',
    `${file} is no exported workspace that this version reads: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}
