import type { McpConnection } from './connection.ts';
import { textOfContents } from './result-text.ts';

/** Resources that a message brings along, characters of each, and the milliseconds that one may take. */
const limits = { resources: 5, characters: 40_000, read: 30_000 };

export interface Mention {
  server: string;
  uri: string;
}

/** What a message names as `@SERVER:URI`: not an address of mail, and not the sign that ends a sentence. */
export function mentionsOf(text: string): Mention[] {
  const found = [...text.matchAll(/(?<![\w@.])@([\w-]{1,64}):([a-z][a-z0-9+.-]*:\S+)/gi)];
  const mentions = found.map(([, server = '', uri = '']) => ({
    server,
    uri: uri.replace(/[.,;:!?)\]}>"'`]+$/, ''),
  }));
  const first = mentions.filter((each, at) => mentions.findIndex((other) => isSame(each, other)) === at);
  return first.slice(0, limits.resources);
}

function isSame(a: Mention, b: Mention): boolean {
  return a.server === b.server && a.uri === b.uri;
}

/**
 * The resources for the model, beside what a person wrote; a name that no server has is text. What cannot be read is said. Rejects with
 * the signal's reason alone.
 */
export function readMentions(
  mentions: readonly Mention[],
  connections: ReadonlyMap<string, Pick<McpConnection, 'read'>>,
  signal: AbortSignal,
): Promise<string[]> {
  const known = mentions.flatMap(({ server, uri }) => {
    const connection = connections.get(server);
    return connection === undefined ? [] : [{ server, uri, connection }];
  });
  return Promise.all(
    known.map(async ({ server, uri, connection }) => {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(limits.read)]);
      try {
        const { contents } = await connection.read(uri, limit);
        return resourceText(server, uri, textOfContents(contents));
      } catch (error) {
        signal.throwIfAborted();
        const why = (error as Error).message.slice(0, 500);
        return `The resource ${uri} of the MCP server ${server} could not be read: ${why}`;
      }
    }),
  );
}

/** In tags that say whose word it is, and that it cannot end by itself. */
function resourceText(server: string, uri: string, text: string): string {
  const shown = text.slice(0, limits.characters).replaceAll('</mcp-resource', '<\\/mcp-resource');
  const cut =
    text.length > limits.characters
      ? `\n[Shortened: it has ${text.length} characters. ReadMcpResourceTool reads all of it.]`
      : '';
  return `<mcp-resource server="${server}" uri="${uri.replaceAll('"', '%22')}">\n${shown}${cut}\n</mcp-resource>`;
}
