/**
 * How terminals travel over the Unix sockets of the workspace, between `agentd` and `workspaced` and between that and the
 * host of a terminal: a frame is one byte that says what it is, four that say how long its payload is (big-endian), and
 * the payload.
 */
export interface Frame {
  kind: number;
  payload: Buffer;
}

/** Bytes. Who has more to say uses several frames. */
export const longestPayload = 64 * 1024;
const headerBytes = 5;

export function encodeFrame(kind: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(payload.length, 1);
  frame.set(payload, headerBytes);
  return frame;
}

/** Bytes of any number as frames of one kind. */
export function encodeBytes(kind: number, bytes: Uint8Array): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += longestPayload)
    frames.push(encodeFrame(kind, bytes.subarray(at, at + longestPayload)));
  return Buffer.concat(frames);
}

/** Takes frames out of a stream of bytes. What is held is less than one frame and one chunk. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The frames that these bytes complete.
   * @throws RangeError where a frame is longer than any that is sent.
   */
  push(chunk: Buffer): Frame[] {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (bytes.length >= headerBytes) {
      const length = bytes.readUInt32BE(1);
      if (length > longestPayload) throw new RangeError(`a frame of ${length} bytes`);
      if (bytes.length < headerBytes + length) break;
      frames.push({
        kind: bytes.readUInt8(0),
        payload: bytes.subarray(headerBytes, headerBytes + length),
      });
      bytes = bytes.subarray(headerBytes + length);
    }
    this.#rest = bytes;
    return frames;
  }
}
