import type { z } from 'zod';
import type { toolError } from '../protocol/tools-api.ts';

export type ToolFailureCode = z.infer<typeof toolError>['error']['code'];

/** A request that cannot be served as it stands. The message is read by a model: it says what to do instead. */
export class ToolFailure extends Error {
  readonly code: ToolFailureCode;

  constructor(code: ToolFailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ToolFailure';
    this.code = code;
  }
}

/** The `code` of an error of the operating system, such as `ENOENT`. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const explanations: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the volume: delete files that are no longer needed',
  EDQUOT: 'the disk quota is used up: delete files that are no longer needed',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many files are open',
};

/** Gives an error of the file system the path it happened to and a sentence; what already is a {@link ToolFailure} stays. */
export function fileFailure(error: unknown, path: string): ToolFailure {
  if (error instanceof ToolFailure) return error;
  const code = systemErrorCode(error);
  if (code === 'ENOENT') return new ToolFailure('not_found', `${path} does not exist`, { cause: error });
  if (code === 'EISDIR') return new ToolFailure('is_directory', `${path} is a directory`, { cause: error });
  if (code === 'ENOTDIR') {
    return new ToolFailure('invalid', `${path}: a part of the path is a file, not a directory`, {
      cause: error,
    });
  }
  if (code === 'ELOOP') {
    return new ToolFailure('invalid', `${path}: its symbolic links form a loop`, { cause: error });
  }
  const why = (code && explanations[code]) ?? (error instanceof Error ? error.message : String(error));
  return new ToolFailure('io', `${path}: ${why}`, { cause: error });
}
