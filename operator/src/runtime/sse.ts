/** One server-sent event, or a comment (a heartbeat). */
export interface ServerSentEvent {
  id?: string;
  type: string;
  data: string;
}

/**
 * Cuts a byte stream into server-sent events. Lines and events are bounded: an agentd that went mad must not take the
 * operator's memory.
 */
export class EventStreamParser {
  readonly #limit: number;
  readonly #decoder = new TextDecoder();
  #rest = '';
  #size = 0;
  #id: string | undefined;
  #type = '';
  #data: string[] = [];

  /** `limit`: characters of one event. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The events that `chunk` completes. Throws a RangeError where one is too large. */
  push(chunk: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
      if (event !== undefined) events.push(event);
    }
    if (this.#size + this.#rest.length > this.#limit)
      throw new RangeError(`an event is larger than ${this.#limit} characters`);
    return events;
  }

  #line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.#dispatch();
    this.#size += line.length;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'id') this.#id = value;
    else if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const event = {
      ...(this.#id === undefined ? {} : { id: this.#id }),
      type: this.#type === '' ? 'message' : this.#type,
      data: this.#data.join('\n'),
    };
    const empty = this.#data.length === 0;
    this.#id = undefined;
    this.#type = '';
    this.#data = [];
    this.#size = 0;
    return empty ? undefined : event;
  }
}
