/** The answer to a request: a pure function of the conversation in it, and of the clock where a fault names an instant. */
import { createHash } from 'node:crypto';
import { type Turn, turnsOf } from './conversation.ts';
import { type Attempt, type Fault, isActive } from './fault.ts';
import type { ContentBlock, MessagesRequest } from './request.ts';
import { type Instruction, isScript, parseScript, understood } from './script.ts';
import { openingSummary, readSummary, writeSummary } from './summary.ts';
import { tokens } from './usage.ts';

/** Text that takes `overMs` milliseconds to stream. */
export interface Speech {
  kind: 'text';
  text: string;
  overMs: number;
}

export interface ToolCall {
  kind: 'tool_use';
  id: string;
  name: string;
  input: Record<string, unknown>;
}

export interface Compaction {
  kind: 'compaction';
  content: string;
  signature: string;
}

export type Part = Speech | ToolCall | Compaction;

export interface Answer {
  id: string;
  parts: Part[];
  stopReason: 'end_turn' | 'tool_use' | 'max_tokens' | 'stop_sequence' | 'compaction';
  stopSequence: string | null;
  outputTokens: number;
  /** The fault that the script asks for at this point. */
  fault: Fault | undefined;
}

type ToolResult = Extract<ContentBlock, { type: 'tool_result' }>;

/** The last prompt, and what the tool calls that it has led to so far came to. */
interface Progress {
  prompt: string;
  results: string[];
}

/** What to say or do next. A script with several tool calls goes on after each result; the last answer tells it all. */
export function answer(request: MessagesRequest, attempt: Attempt): Answer {
  const turns = turnsOf(request.messages);
  const { prompt, results } = progress(turns);
  const stage = new Stage(request, results.length, attempt);
  const said: string[] = [];
  let calls = 0;
  let current = results.length === 0;
  for (const instruction of parseScript(prompt)) {
    if (instruction.kind !== 'tool') {
      said.push(...stage.perform(instruction, current, turns));
      continue;
    }
    const refusal = toolRefusal(request, instruction.name);
    if (refusal !== undefined) {
      said.push(refusal);
      continue;
    }
    const result = results[calls];
    if (result === undefined) return stage.call(instruction.name, instruction.input);
    calls += 1;
    current = calls === results.length;
    said.push(result);
  }
  return stage.finish(said);
}

/** One answer being put together. */
class Stage {
  readonly #request: MessagesRequest;
  readonly #id: string;
  readonly #attempt: Attempt;
  readonly #waits: Speech[] = [];
  #fault: Fault | undefined;

  constructor(request: MessagesRequest, step: number, attempt: Attempt) {
    this.#request = request;
    this.#attempt = attempt;
    this.#id = createHash('sha256')
      .update(JSON.stringify([request.model, request.messages, step]))
      .digest('base64url')
      .replace(/[-_]/g, '0')
      .slice(0, 24);
  }

  /** What the instruction adds to the last answer. Waits and faults take effect only in the answer they stand in. */
  perform(instruction: Exclude<Instruction, { kind: 'tool' }>, current: boolean, turns: Turn[]): string[] {
    switch (instruction.kind) {
      case 'say':
        return [instruction.text];
      case 'remember':
        return [`I will remember: ${instruction.text}`];
      case 'recall':
        return [recall(turns)];
      case 'summarize':
        return [summarize(turns.map(withoutSummaryRequest))];
      case 'unknown':
        return [understood];
      case 'wait': {
        const text = `waited ${instruction.seconds} s`;
        if (current) this.#waits.push({ kind: 'text', text, overMs: instruction.seconds * 1000 });
        return [text];
      }
      case 'fail':
        if (current && isActive(instruction.fault, this.#attempt)) this.#fault ??= instruction.fault;
        return ['the failure has passed'];
    }
  }

  /** A tool call; what was waited for before it is streamed first. */
  call(name: string, input: Record<string, unknown>): Answer {
    return this.#close([...this.#waits, { kind: 'tool_use', id: `toolu_${this.#id}`, name, input }]);
  }

  /** The last answer: what every instruction came to, in order. */
  finish(said: string[]): Answer {
    const overMs = this.#waits.reduce((sum, wait) => sum + wait.overMs, 0);
    return this.#close([{ kind: 'text', text: said.length === 0 ? understood : said.join('\n'), overMs }]);
  }

  #close(parts: (Speech | ToolCall)[]): Answer {
    const whole: Answer = {
      id: `msg_${this.#id}`,
      parts,
      stopReason: parts.some((part) => part.kind === 'tool_use') ? 'tool_use' : 'end_turn',
      stopSequence: null,
      outputTokens: parts.reduce((sum, part) => sum + partTokens(part), 0),
      fault: this.#fault,
    };
    return limit(stopAt(whole, this.#request.stop_sequences ?? []), this.#request.max_tokens);
  }
}

function partTokens(part: Part): number {
  if (part.kind === 'text') return tokens(part.text);
  return part.kind === 'tool_use' ? tokens({ name: part.name, input: part.input }) : tokens(part.content);
}

function toolRefusal(request: MessagesRequest, name: string): string | undefined {
  if (request.tool_choice?.type === 'none') return `No tool may be called now, so ${name} was not.`;
  if (request.tools?.some((tool) => tool.name === name)) return undefined;
  return `No tool named ${name} was offered to me.`;
}

/**
 * The last block of user text that is a script is the prompt. Text beside tool results that is none is a notice of the
 * agent and does not end the script under way; other text is a prompt, which gets told what is understood. Where only a notice
 * follows a summary, the script that was under way then goes on.
 */
function progress(turns: readonly Turn[]): Progress {
  const later: string[] = [];
  for (const turn of turns.toReversed()) {
    if (turn.role !== 'user') continue;
    const blocks = turn.blocks.map(({ block }) => block);
    const texts = blocks.flatMap((block) => (block.type === 'text' ? [block.text] : []));
    const prompt = texts.findLast(isScript);
    if (prompt !== undefined) return { prompt, results: later };
    const results = blocks.filter((block) => block.type === 'tool_result');
    const prompts = texts.join('\n');
    if (results.length === 0 && (parseScript(prompts).length > 0 || turn !== turns.find(isUser)))
      return { prompt: prompts, results: later };
    later.unshift(...results.map(resultText));
  }
  const before = readSummary(openingSummary(turns) ?? '').underWay;
  return { prompt: before?.prompt ?? '', results: [...(before?.results ?? []), ...later] };
}

const isUser = (turn: Turn) => turn.role === 'user';

/** The summary of a conversation, for the next one to begin with. */
export function summarize(turns: readonly Turn[]): string {
  const script =
    turns.findLast((turn) => turn.blocks.length > 0)?.role === 'user' ? progress(turns) : undefined;
  return writeSummary({
    remembered: remembered(turns),
    underWay: script === undefined || script.prompt === '' ? undefined : script,
  });
}

function withoutSummaryRequest(turn: Turn): Turn {
  const asks = (block: ContentBlock) =>
    block.type === 'text' && parseScript(block.text).some((instruction) => instruction.kind === 'summarize');
  return { ...turn, blocks: turn.blocks.filter(({ block }) => !asks(block)) };
}

/** Every remembered text of the conversation, in order. */
function recall(turns: readonly Turn[]): string {
  const texts = remembered(turns);
  return texts.length === 0 ? 'There is nothing to recall.' : texts.join('\n');
}

function remembered(turns: readonly Turn[]): string[] {
  const summary = openingSummary(turns);
  const said = turns
    .filter(isUser)
    .flatMap((turn) =>
      turn.blocks.flatMap(({ block }) => (block.type === 'text' ? parseScript(block.text) : [])),
    )
    .flatMap((instruction) => (instruction.kind === 'remember' ? [instruction.text] : []));
  return [...readSummary(summary ?? '').remembered, ...said];
}

function resultText(result: ToolResult): string {
  const content = result.content ?? '';
  const text =
    typeof content === 'string'
      ? content
      : content.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
  const shown = text.trim() === '' ? '(no output)' : text.trimEnd();
  return result.is_error === true ? `The tool failed: ${shown}` : shown;
}

function stopAt(whole: Answer, sequences: string[]): Answer {
  const part = whole.parts[0];
  if (part?.kind !== 'text') return whole;
  const hits = sequences
    .map((sequence) => ({ sequence, at: part.text.indexOf(sequence) }))
    .filter((hit) => hit.at >= 0)
    .sort((a, b) => a.at - b.at);
  const hit = hits[0];
  if (hit === undefined) return whole;
  const text = part.text.slice(0, hit.at);
  return {
    ...whole,
    parts: text === '' ? [] : [{ ...part, text }],
    stopReason: 'stop_sequence',
    stopSequence: hit.sequence,
    outputTokens: tokens(text),
  };
}

function limit(whole: Answer, maximum: number): Answer {
  if (whole.outputTokens <= maximum) return whole;
  const parts: Part[] = [];
  let left = maximum;
  for (const part of whole.parts) {
    const size = partTokens(part);
    if (size <= left) parts.push(part);
    else if (part.kind === 'text' && left > 0) {
      parts.push({
        ...part,
        text: new TextDecoder().decode(Buffer.from(part.text).subarray(0, left * 4), { stream: true }),
      });
    }
    if (size > left) break;
    left -= size;
  }
  return { ...whole, parts, stopReason: 'max_tokens', outputTokens: maximum };
}
