import { posix } from 'node:path';

/** What the API takes for an image. */
export type ImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';

/** How a file is read, by what it is called: what it holds is looked at after that. */
export function kindOf(path: string): 'image' | 'pdf' | 'notebook' | 'text' {
  const extension = posix.extname(path).toLowerCase();
  if (['.png', '.jpg', '.jpeg', '.gif', '.webp'].includes(extension)) return 'image';
  if (extension === '.pdf') return 'pdf';
  return extension === '.ipynb' ? 'notebook' : 'text';
}

/** The type of an image by its first bytes; undefined for anything else, whatever it is called. */
export function imageType(content: Buffer): ImageType | undefined {
  const begins = (text: string, at = 0) =>
    content.subarray(at, at + text.length).equals(Buffer.from(text, 'latin1'));
  if (begins('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (begins('\xff\xd8\xff')) return 'image/jpeg';
  if (begins('GIF87a') || begins('GIF89a')) return 'image/gif';
  return begins('RIFF') && begins('WEBP', 8) ? 'image/webp' : undefined;
}
