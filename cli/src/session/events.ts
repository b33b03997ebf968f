import { type RuntimeEvent, runtimeEvent } from '@dormouse/agent-runtime/protocol';

/** An event of the agent; those that last have a cursor. */
export interface SeenEvent {
  event: RuntimeEvent;
  cursor: number | undefined;
}

/** Characters of one event at most: a state names every session. */
const longest = 16 << 20;

/**
 * The events of a stream of server-sent events, until it ends. What this version does not know is passed over: a newer
 * agent may tell more.
 * @throws RangeError where an event does not end, and what reading throws
 */
export async function* readEvents(stream: AsyncIterable<Buffer>): AsyncGenerator<SeenEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const seen = parseEvent(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (seen !== undefined) yield seen;
    }
    if (rest.length > longest) throw new RangeError(`an event is larger than ${longest} characters`);
  }
}

function parseEvent(frame: string): SeenEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of frame.split('\n')) {
    const [, name = '', value = ''] = /^(\w*): ?(.*)$/.exec(line) ?? [];
    if (name !== '') fields.set(name, value);
  }
  const data = fields.get('data');
  if (data === undefined) return undefined;
  const { success, data: event } = runtimeEvent.safeParse({ type: fields.get('event'), data: json(data) });
  if (!success) return undefined;
  const id = fields.get('id');
  return { event, cursor: id === undefined ? undefined : Number(id) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
