import { bytesResult } from '../../../protocol/tools-api.ts';
import type { ContentBlock } from '../../session/entry.ts';
import { failed, type ReadingContext, type ToolOutcome } from '../tool.ts';
import { imageType } from './kind.ts';

/** Bytes of a file: the API takes 5 MB of an image in base64, and a PDF goes with every request from then on. */
const most = { image: 3_750_000, pdf: 4_500_000 };

/** An image, for the model to look at. */
export async function readImage(target: string, context: ReadingContext): Promise<ToolOutcome> {
  const { content, hash } = await bytesOf(target, most.image, context);
  const type = imageType(content);
  if (type === undefined)
    return failed(
      `${target} is no PNG, JPEG, GIF or WebP image, whatever its name says: examine it with Bash.`,
    );
  const source = { type: 'base64', media_type: type, data: content.toString('base64') };
  return shown(
    `Image ${target} (${type}, ${content.length} bytes).`,
    { type: 'image', source },
    target,
    hash,
  );
}

/** A PDF, whole: the model sees its pages. */
export async function readPdf(target: string, context: ReadingContext): Promise<ToolOutcome> {
  const { content, hash } = await bytesOf(target, most.pdf, context);
  if (!content.subarray(0, 1024).includes('%PDF-'))
    return failed(`${target} is no PDF, whatever its name says: examine it with Bash.`);
  const source = { type: 'base64', media_type: 'application/pdf', data: content.toString('base64') };
  return shown(`PDF ${target} (${content.length} bytes).`, { type: 'document', source }, target, hash);
}

/** The bytes of a file. Throws `ToolRefused` where there are more than `maxBytes`. */
export async function bytesOf(
  target: string,
  maxBytes: number,
  context: ReadingContext,
): Promise<{ content: Buffer; hash: string }> {
  const body = { path: target, maxBytes };
  const { base64, hash } = await context.client.call('POST', '/files/bytes', body, bytesResult, context);
  return { content: Buffer.from(base64, 'base64'), hash };
}

function shown(content: string, block: ContentBlock, path: string, hash: string): ToolOutcome {
  return {
    content,
    isError: false,
    blocks: [{ type: 'text', text: content }, block],
    seen: { path, hash },
  };
}
