/** Parses a file of the workspace; `problem` is a sentence with its name and line. */
export function parseJson(path: string, text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: `${path}:${lineOfSyntaxError(text, error as SyntaxError)}: it is no JSON.` };
  }
}

/** V8 names the line, the position, or the piece of text where it stopped; at an early end nothing, which is the last line. */
function lineOfSyntaxError(text: string, { message }: SyntaxError): number {
  const line = /line (\d+)/.exec(message)?.[1];
  if (line !== undefined) return Number(line);
  const position = /position (\d+)/.exec(message)?.[1];
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
}

/** The line of the value at `path` in a JSON text; 1 where it is not found. */
export async function lineOf(text: string, path: readonly PropertyKey[]): Promise<number> {
  // Loaded where something is wrong, never in the way of a wake.
  const { LineCounter, isNode, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, logLevel: 'silent' });
  for (let end = path.length; end > 0; end -= 1) {
    const node: unknown = document.getIn(path.slice(0, end), true);
    if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line;
  }
  return 1;
}
