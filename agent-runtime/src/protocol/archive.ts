import { createHmac } from 'node:crypto';
import { z } from 'zod';

/** The pod that archives a workspace while it sleeps. No workspace can have that name, which has a dot. */
export function archivePodName(workspace: string): string {
  return `${workspace}.archive`;
}

/** The path of a workspace's repository in a bucket. */
export function archiveRepository({
  namespace,
  name,
  uid,
}: {
  namespace?: string;
  name: string;
  uid?: string;
}): string {
  return `${namespace}/${name}/${uid}`;
}

/**
 * What the repository of a workspace is encrypted with: HMAC-SHA256 under the master key, in hex. It is never the same as
 * another key that is derived for the workspace, and can be computed again as long as the master key is there.
 */
export function archivePassword(masterKey: Uint8Array | string, repository: string): string {
  return createHmac('sha256', masterKey).update(`archive ${repository}`).digest('hex');
}

/** Entries of the Secret of archives: of the workspace's own repository, and of the one that a fork comes from. */
export const archiveSecretEntries = { own: 'password', source: 'source-password' } as const;

/** On each refusal of a request for archives: why, in words, percent-encoded. */
export const problemHeader = 'x-dormouse-problem';

/** The halves of a volume that are archived: each by the user that it belongs to. */
export const archiveParts = ['state', 'home'] as const;
export type ArchivePart = (typeof archiveParts)[number];

/** What the archiver says of its work under `GET /v1/progress`, and once more, when it is done, as the message of its end. */
export const archiveProgress = z.object({
  part: z.enum(archiveParts),
  /** 0 to 100. */
  percent: z.number().min(0).max(100),
  bytes: z.int().min(0),
  files: z.int().min(0),
  /** Sent to the bucket. */
  addedBytes: z.int().min(0),
  /** Of restic; when it is done. */
  snapshot: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** What stands in the way, or why it failed, in words. */
  problem: z.string().max(1_000).optional(),
});
export type ArchiveProgress = z.infer<typeof archiveProgress>;

/** The environment of the archiver. */
export const archiverVariables = {
  task: 'DORMOUSE_ARCHIVE_TASK',
  part: 'DORMOUSE_ARCHIVE_PART',
  gateway: 'DORMOUSE_ARCHIVE_GATEWAY',
  repository: 'DORMOUSE_ARCHIVE_REPOSITORY',
  password: 'DORMOUSE_ARCHIVE_PASSWORD_FILE',
  /** In place of gateway, repository and password: the folder of this half's archives on the volume. */
  folder: 'DORMOUSE_ARCHIVE_FOLDER',
  /** To restore: the same on the claim from before. */
  source: 'DORMOUSE_ARCHIVE_SOURCE',
  /** To archive there: bytes that both halves may take. */
  quota: 'DORMOUSE_ARCHIVE_QUOTA',
  /** To restore: which snapshot. */
  snapshot: 'DORMOUSE_ARCHIVE_SNAPSHOT',
  /** To archive: the snapshots that are still named, with commas between them; others are forgotten. */
  keep: 'DORMOUSE_ARCHIVE_KEEP',
} as const;
