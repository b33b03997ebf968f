/** The wire forms of an answer: one message, or the documented sequence of events. */
import type { Answer, Part } from './answer.ts';
import type { InputUsage } from './usage.ts';

/** One server-sent event; `afterMs` is how long it waits for its predecessor. */
export interface StreamEvent {
  name: string;
  data: object;
  afterMs: number;
}

/** About as many characters as a real stream brings at a time. */
const chunkCharacters = 24;
/** A slow text shows a sign of life this often. */
const slowChunkMs = 200;

/** What a `message_delta` counts; cumulative. */
function counts(input: InputUsage, outputTokens: number) {
  return {
    input_tokens: input.input,
    cache_creation_input_tokens: input.cacheCreation,
    cache_read_input_tokens: input.cacheRead,
    output_tokens: outputTokens,
    output_tokens_details: null,
    server_tool_use: null,
  };
}

function usage(input: InputUsage, outputTokens: number) {
  return {
    ...counts(input, outputTokens),
    cache_creation: { ephemeral_5m_input_tokens: input.cacheCreation, ephemeral_1h_input_tokens: 0 },
    service_tier: 'standard',
    inference_geo: null,
    speed: null,
  };
}

/** The answer to a request that does not stream. */
export function wholeMessage(answer: Answer, model: string, input: InputUsage) {
  return {
    id: answer.id,
    type: 'message',
    role: 'assistant',
    model,
    content: answer.parts.map(whole),
    stop_reason: answer.stopReason,
    stop_sequence: answer.stopSequence,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: usage(input, answer.outputTokens),
  };
}

/** Milliseconds that the answer takes besides its faults. */
export function durationMs(answer: Answer): number {
  return answer.parts.reduce((sum, part) => sum + (part.kind === 'text' ? part.overMs : 0), 0);
}

export function* streamEvents(answer: Answer, model: string, input: InputUsage): Generator<StreamEvent> {
  const event = (name: string, data: object, afterMs = 0): StreamEvent => ({
    name,
    data: { type: name, ...data },
    afterMs,
  });
  const message = {
    ...wholeMessage(answer, model, input),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: usage(input, 1),
  };
  yield event('message_start', { message });
  for (const [index, part] of answer.parts.entries()) {
    yield event('content_block_start', { index, content_block: start(part) });
    if (index === 0) yield event('ping', {});
    for (const { delta, afterMs } of deltas(part)) {
      yield event('content_block_delta', { index, delta }, afterMs);
    }
    yield event('content_block_stop', { index });
  }
  yield event('message_delta', {
    delta: {
      stop_reason: answer.stopReason,
      stop_sequence: answer.stopSequence,
      stop_details: null,
      container: null,
    },
    usage: counts(input, answer.outputTokens),
  });
  yield event('message_stop', {});
}

/** A content block at its end. */
function whole(part: Part) {
  if (part.kind === 'text') return { ...start(part), text: part.text };
  if (part.kind === 'tool_use') return { ...start(part), input: part.input };
  return { ...start(part), content: part.content };
}

/** A content block before its first delta. */
function start(part: Part) {
  if (part.kind === 'text') return { type: 'text', text: '', citations: null };
  if (part.kind === 'tool_use')
    return { type: 'tool_use', id: part.id, name: part.name, input: {}, caller: { type: 'direct' } };
  const { signature } = part;
  return { type: 'compaction', content: null, encrypted_content: null, signature, tool_changes: [] };
}

function* deltas(part: Part): Generator<{ delta: object; afterMs: number }> {
  if (part.kind === 'tool_use') {
    // The first delta of a tool's input is empty, as in the documented example.
    yield { delta: { type: 'input_json_delta', partial_json: '' }, afterMs: 0 };
    for (const piece of pieces(JSON.stringify(part.input), chunkCharacters)) {
      yield { delta: { type: 'input_json_delta', partial_json: piece }, afterMs: 0 };
    }
    return;
  }
  if (part.kind === 'compaction') {
    yield { delta: { type: 'compaction_delta', content: part.content, encrypted_content: null }, afterMs: 0 };
    return;
  }
  const characters = Array.from(part.text).length;
  const size = part.overMs === 0 ? chunkCharacters : Math.ceil((characters * slowChunkMs) / part.overMs);
  const slices = pieces(part.text, size);
  for (const text of slices) {
    yield { delta: { type: 'text_delta', text }, afterMs: part.overMs / slices.length };
  }
}

/** Slices of at most `size` characters; none ends inside a surrogate pair. */
function pieces(text: string, size: number): string[] {
  const characters = Array.from(text);
  const slices: string[] = [];
  for (let at = 0; at < characters.length; at += size) slices.push(characters.slice(at, at + size).join(''));
  return slices;
}
