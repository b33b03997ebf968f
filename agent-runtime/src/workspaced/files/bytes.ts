import type { z } from 'zod';
import type { bytesRequest, bytesResult } from '../../protocol/tools-api.ts';
import { fileFailure } from '../tool-failure.ts';
import type { Confinement } from './confinement.ts';
import { openRegular, sha256 } from './text.ts';

/** More is no answer that `agentd` takes. */
const mostBytes = 10 * 1024 * 1024;

/** Reads a whole file that is no text: an image, a PDF, a notebook. */
export async function readBytes(
  request: z.infer<typeof bytesRequest>,
  confinement: Confinement,
): Promise<z.infer<typeof bytesResult>> {
  const path = await confinement.forReading(request.path);
  await using file = await openRegular(path, Math.min(request.maxBytes, mostBytes));
  try {
    const content = await file.readFile();
    return { base64: content.toString('base64'), bytes: content.length, hash: sha256(content) };
  } catch (error) {
    throw fileFailure(error, path);
  }
}
