/** Bytes: agentd's largest event is a state, in which every session stands. */
const longest = 16 << 20;

/**
 * Cuts a stream of server-sent events at the ends of events, so that one which broke off is not passed on, and remembers
 * where the stream can be taken up again.
 */
export class EventFrames {
  #rest: Buffer = Buffer.alloc(0);
  /** The `id` of the last whole event; before the first, the cursor that agentd's opening state names. */
  cursor: string | undefined;

  constructor(cursor: string | undefined) {
    this.cursor = cursor;
  }

  /**
   * The whole events so far, which may be none.
   * @throws RangeError where an event does not end.
   */
  push(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf('\n\n');
    const whole = end < 0 ? bytes.subarray(0, 0) : bytes.subarray(0, end + 2);
    this.#rest = bytes.subarray(whole.length);
    if (this.#rest.length > longest) throw new RangeError(`an event is larger than ${longest} bytes`);
    this.#note(whole);
    return whole;
  }

  /** What broke off is forgotten: the next bytes begin an event. */
  restart(): void {
    this.#rest = Buffer.alloc(0);
  }

  #note(whole: Buffer): void {
    const line = whole.lastIndexOf('\nid: ');
    const at = line >= 0 ? line + 1 : whole.subarray(0, 4).toString() === 'id: ' ? 0 : -1;
    if (at >= 0) this.cursor = whole.subarray(at + 4, whole.indexOf('\n', at)).toString();
    else if (this.cursor === undefined)
      this.cursor = /^event: state\ndata: .*?"cursor":(\d+)/m.exec(whole.toString())?.[1];
  }
}
