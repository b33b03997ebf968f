import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../testing/raw-provider.ts';
import { EventReader } from './event-reader.ts';
import { MessageReader } from './message-reader.ts';
import { mostInput, SeenUsage } from './seen-usage.ts';

const most = { inputTokens: 5_000, outputTokens: 1_000 };

/** What comes of bytes in pieces. */
function read(pieces: Uint8Array[], Kind: typeof EventReader | typeof MessageReader = EventReader) {
  const seen = new SeenUsage();
  seen.begin();
  const reader = new Kind(seen);
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return seen.total(most);
}
const bytes = Buffer.from(stream());
const counted = { inputTokens: 100, outputTokens: 42, cacheReadTokens: 20, cacheWriteTokens: 10 };

describe('tokens of a stream', () => {
  it('are the same wherever it is torn, with LF, CR LF or CR', () => {
    const ends = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), ends, (cuts, end) => {
        const text = Buffer.from(bytes.toString().replaceAll('\n', end));
        const points = [0, ...cuts, text.length].sort((a, b) => a - b);
        const pieces = points.slice(1).map((point, index) => text.subarray(points[index], point));
        expect(read(pieces)).toEqual(counted);
      }),
    );
  });

  it('of one that was cut are never less than what was seen, and never more than what was asked for', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length), (length) => {
        const usage = read([bytes.subarray(0, length)]);
        expect([100, most.inputTokens]).toContain(usage?.inputTokens);
        expect(usage?.outputTokens).toBeLessThanOrEqual(most.outputTokens);
      }),
    );
    const half = Buffer.from(stream({ text: 'x'.repeat(800), output: 10 }));
    const end = half.indexOf('event: message_delta');
    expect(read([half.subarray(0, end)])).toMatchObject({ inputTokens: 100, outputTokens: 413 });
  });

  it('are counted again by its last event, input as well', () => {
    const text = stream().replace(
      '"usage":{"output_tokens":42}',
      '"usage":{"output_tokens":50,"input_tokens":700}',
    );
    expect(read([Buffer.from(text)])).toMatchObject({
      inputTokens: 700,
      outputTokens: 50,
      cacheReadTokens: 20,
    });
  });

  it('have those of compactions, which are in none of its sums', () => {
    const spent =
      '"iterations":[{"type":"compaction","input_tokens":7000,"output_tokens":300},{"type":"message","input_tokens":100}]';
    const text = stream().replace('"usage":{"output_tokens":42}', `"usage":{"output_tokens":42,${spent}}`);
    expect(read([Buffer.from(text)])).toEqual({ ...counted, inputTokens: 7_100, outputTokens: 342 });
    const odd = text.replace('"input_tokens":7000', '"input_tokens":"many"');
    expect(read([Buffer.from(odd)])).toEqual(counted);
  });

  it('do not need sense in what passes: lines of megabytes, no JSON, numbers that are none', () => {
    const odd = `data: ${'x'.repeat(3 << 20)}\n\ndata: {"type":\n\ndata: null\n\ndata: {"type":"message_delta","usage":{"output_tokens":-1}}\n\n`;
    expect(read([Buffer.from(odd), bytes])).toEqual(counted);
  });
});

describe('tokens of an answer', () => {
  it('that is one document are in it', () => {
    const text = '{"id":"m","usage":{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":null}}';
    expect(read([Buffer.from(text)], MessageReader)).toEqual({
      inputTokens: 3,
      outputTokens: 4,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
    });
    expect(read([Buffer.from(text.slice(0, 40))], MessageReader)).toMatchObject({
      inputTokens: 5_000,
      outputTokens: 20,
    });
  });

  it('are none where nothing was asked, and the most where nothing can be read', () => {
    const seen = new SeenUsage();
    expect(seen.total(most)).toBeUndefined();
    seen.begin();
    expect(seen.total(most)).toMatchObject({ inputTokens: 5_000, outputTokens: 0 });
    seen.cannotRead();
    expect(seen.total(most)).toMatchObject(most);
    seen.nothing();
    expect(seen.total(most)).toBeUndefined();
  });

  it('are at most one for each two bytes of the request, and a window', () => {
    expect(mostInput(1_000)).toBe(1_012);
    expect(mostInput(32 << 20)).toBe(1_000_000);
  });
});
