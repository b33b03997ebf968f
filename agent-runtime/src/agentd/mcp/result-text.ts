import type { CallToolResult, ContentBlock, ReadResourceResult } from '@modelcontextprotocol/client';

/** The blocks of a server's answer as text for the model. What is no text is named, with its type and size. */
export function textOfBlocks(blocks: readonly ContentBlock[]): string {
  return blocks.map(textOfBlock).join('\n');
}

function textOfBlock(block: ContentBlock): string {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return `[${block.type} ${block.mimeType}, ${base64Bytes(block.data)} bytes: not shown]`;
    case 'resource':
      return textOfContents([block.resource]);
    case 'resource_link':
      return `[resource ${block.uri}: ${block.title ?? block.name}${block.description === undefined ? '' : `, ${block.description}`}]`;
    default:
      return `[content of an unknown kind]`;
  }
}

export function textOfContents(contents: ReadResourceResult['contents']): string {
  return contents
    .map((each) =>
      'text' in each
        ? String(each.text)
        : `[${each.mimeType ?? 'binary'} ${each.uri}, ${base64Bytes(String(each.blob))} bytes: not shown]`,
    )
    .join('\n');
}

/** What a call came to. Structured content is told where there is no other. */
export function textOfResult({ content, structuredContent }: CallToolResult): string {
  const text = textOfBlocks(content ?? []);
  return text.trim() === '' && structuredContent !== undefined ? JSON.stringify(structuredContent) : text;
}

function base64Bytes(data: string): number {
  return Math.floor((data.replace(/=+$/, '').length * 3) / 4);
}
