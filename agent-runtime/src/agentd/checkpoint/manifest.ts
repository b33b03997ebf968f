import { createHash } from 'node:crypto';
import { z } from 'zod';
import { highestCursor } from '../../protocol/events.ts';
import { processImage } from '../../protocol/tools-api.ts';

/** A path below `state`: it never leaves it, and names nothing hidden. */
const pathBelow = z
  .string()
  .max(600)
  .regex(/^[A-Za-z0-9_-][\w.-]*(?:\/[A-Za-z0-9_-][\w.-]*)*$/);
const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** A durable file of `state` at the time of a checkpoint; `path` is relative to `state`. */
const manifestFile = z.discriminatedUnion('kind', [
  /** Only ever appended to: its first `length` bytes have this SHA-256. What came after is newer, and stays. */
  z.object({ kind: z.literal('log'), path: pathBelow, length: z.int().min(0), sha256: hex }),
  /** Rewritten now and then, so copied whole: `copy` lies in the checkpoint's folder. */
  z.object({
    kind: z.literal('file'),
    path: pathBelow,
    length: z.int().min(0),
    sha256: hex,
    /** A name, not a path. */
    copy: pathBelow.regex(/^[^/]*$/),
  }),
]);

/** Why processes were ended for a checkpoint, all or some, though images of them were asked for. */
export const withoutImages = z.object({
  /** `Unsupported`: the pod can make none. `DumpFailed`: it could not make them, and the class says to sleep all the same. */
  reason: z.enum(['Unsupported', 'DumpFailed']),
  message: z.string(),
});
export type WithoutImages = z.infer<typeof withoutImages>;

/** What a checkpoint is: one document that says, for every durable file, what it held. */
export const manifest = z.object({
  version: z.literal(1),
  sequence: z.int().min(1),
  trigger: z.string(),
  workspace: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  takenAt: z.string(),
  /** The newest event. */
  cursor: z.int().min(0).max(highestCursor),
  sessions: z.int().min(0),
  /** What was stopped, or ran. */
  services: z.array(z.string()),
  background: z.array(z.string()),
  files: z.array(manifestFile).refine(eachOnce, 'names a file twice'),
  /** The processes that were dumped, in the folder of this sequence. */
  images: z.array(processImage).max(100).optional(),
  withoutImages: withoutImages.optional(),
});
export type Manifest = z.infer<typeof manifest>;

/**
 * A manifest from its bytes, or why it is none, to be said after "its manifest". Whoever wrote it is not trusted: it names nothing
 * outside of its checkpoint and of `state`.
 */
export function readManifest(bytes: Buffer): { manifest: Manifest } | { problem: string } {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: 'was cut short: it is no JSON' };
  }
  const other = otherVersion.safeParse(document).data?.version;
  if (other !== undefined && other !== 1)
    return { problem: `is of version ${other}, and this agent reads version 1: use the image that wrote it` };
  const { data, error } = manifest.safeParse(document);
  if (data !== undefined) return { manifest: data };
  const [issue] = error.issues;
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  return { problem: `is not of this format (${where}${issue?.message})`.slice(0, 300) };
}

const otherVersion = z.object({ version: z.number() });

function eachOnce(files: { path: string }[]): boolean {
  return new Set(files.map(({ path }) => path)).size === files.length;
}

/** Bytes as they are written: equal manifests have equal bytes. */
export function manifestBytes(document: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

/** `sha256:HEX` of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The name of a checkpoint's folder: `00000042`. */
export function folderName(sequence: number): string {
  return String(sequence).padStart(8, '0');
}
