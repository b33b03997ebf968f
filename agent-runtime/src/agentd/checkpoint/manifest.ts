import { createHash } from 'node:crypto';
import { z } from 'zod';
import { processImage } from '../../protocol/tools-api.ts';

/** A durable file of `state` at the time of a checkpoint; `path` is relative to `state`. */
const manifestFile = z.discriminatedUnion('kind', [
  /** Only ever appended to: its first `length` bytes have this SHA-256. What came after is newer, and stays. */
  z.object({ kind: z.literal('log'), path: z.string(), length: z.int().min(0), sha256: z.string() }),
  /** Rewritten now and then, so copied whole: `copy` lies in the checkpoint's folder. */
  z.object({
    kind: z.literal('file'),
    path: z.string(),
    length: z.int().min(0),
    sha256: z.string(),
    copy: z.string(),
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
  cursor: z.int().min(0),
  sessions: z.int().min(0),
  /** What was stopped, or ran. */
  services: z.array(z.string()),
  background: z.array(z.string()),
  files: z.array(manifestFile),
  /** The processes that were dumped, in the folder of this sequence. */
  images: z.array(processImage).optional(),
  withoutImages: withoutImages.optional(),
});
export type Manifest = z.infer<typeof manifest>;

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
