/** What must hold between the messages of a request, beyond the form of each. */
import { invalid } from './api-error.ts';
import type { ContentBlock, CountRequest, Message } from './request.ts';

/** The most breakpoints that one request may set. */
const maximumBreakpoints = 4;

/** One block with the place where the request has it. */
interface Placed {
  block: ContentBlock;
  message: number;
  index: number;
}

/** Consecutive messages of one role: the API combines them. `system` messages stand between and belong to no turn. */
export interface Turn {
  role: 'user' | 'assistant';
  blocks: Placed[];
}

export function blocksOf(message: Message): ContentBlock[] {
  return typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
}

/** The conversation as the model sees it. */
export function turnsOf(messages: Message[]): Turn[] {
  const turns: Turn[] = [];
  messages.forEach((message, at) => {
    if (message.role === 'system') return;
    const blocks = blocksOf(message).map((block, index) => ({ block, message: at, index }));
    const last = turns.at(-1);
    if (last?.role === message.role) last.blocks.push(...blocks);
    else turns.push({ role: message.role, blocks });
  });
  return turns;
}

/** Throws {@link ApiError} 400 in the words of the API for the first rule that does not hold. */
export function checkConversation(request: CountRequest): void {
  checkOrder(request);
  request.messages.forEach(checkContent);
  checkSystem(request.system);
  const turns = turnsOf(request.messages);
  checkPairs(turns);
  checkTools(request, turns);
  checkBreakpoints(request);
}

function checkOrder({ messages, compaction }: CountRequest): void {
  if (messages[0]?.role !== 'user' && !beginsWithCompaction(messages[0]))
    throw invalid('messages: first message must use the "user" role');
  // A compaction request may end with a finished answer; one that is not has calls without results.
  if (compaction != null) return;
  if (messages.findLast((message) => message.role !== 'system')?.role !== 'user') {
    throw invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
}

function beginsWithCompaction(message: Message | undefined): boolean {
  return message?.role === 'assistant' && blocksOf(message)[0]?.type === 'compaction';
}

function checkContent(message: Message, at: number): void {
  if (message.content.length === 0) {
    throw invalid(
      `messages.${at}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  blocksOf(message).forEach((block, index) => {
    const place = `messages.${at}.content.${index}`;
    if (block.type === 'text') checkText(block.text, 'messages');
    if (block.type === 'tool_use' && message.role !== 'assistant') {
      throw invalid(`${place}: \`tool_use\` blocks can only be in \`assistant\` messages`);
    }
    if (block.type === 'tool_result') {
      if (message.role !== 'user') {
        throw invalid(`${place}: \`tool_result\` blocks can only be in \`user\` messages`);
      }
      if (Array.isArray(block.content)) {
        for (const part of block.content) if (part.type === 'text') checkText(part.text, 'messages');
      }
    }
    // It never thinks aloud, so no signature can be its own.
    if (block.type === 'thinking' || block.type === 'redacted_thinking') {
      throw invalid(`${place}: Invalid \`signature\` in \`${block.type}\` block`);
    }
    if (block.type === 'compaction' && (at > 0 || index > 0 || message.role !== 'assistant')) {
      throw invalid(`${place}: a \`compaction\` block must be the first block of the conversation`);
    }
    if (message.role === 'system' && block.type !== 'text') {
      throw invalid(`${place}: \`system\` messages hold text blocks only`);
    }
  });
}

function checkText(text: string, where: string): void {
  if (text.length === 0) throw invalid(`${where}: text content blocks must be non-empty`);
  if (text.trim().length === 0) {
    throw invalid(`${where}: text content blocks must contain non-whitespace text`);
  }
}

function checkSystem(system: CountRequest['system']): void {
  if (Array.isArray(system)) for (const block of system) checkText(block.text, 'system');
}

/** Every `tool_use` has a unique id and exactly one `tool_result`, at the head of the next turn. */
function checkPairs(turns: Turn[]): void {
  const seen = new Set<string>();
  for (const [at, turn] of turns.entries()) {
    const previous = turns[at - 1];
    if (turn.role === 'user') {
      checkResults(turn, previous === undefined ? [] : toolUseIds(previous));
      continue;
    }
    for (const id of toolUseIds(turn)) {
      if (seen.has(id)) throw invalid('messages: `tool_use` ids must be unique');
      seen.add(id);
    }
    const next = turns[at + 1];
    const answered = new Set(next === undefined ? [] : leadingResultIds(next));
    const missing = toolUseIds(turn).filter((id) => !answered.has(id));
    if (missing.length > 0) {
      throw invalid(
        `messages.${turn.blocks.at(-1)?.message}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
    }
  }
}

function checkResults(turn: Turn, expected: string[]): void {
  const seen = new Set<string>();
  for (const { block, message, index } of turn.blocks) {
    if (block.type !== 'tool_result') continue;
    const place = `messages.${message}.content.${index}`;
    const id = block.tool_use_id;
    if (!expected.includes(id)) {
      throw invalid(
        `${place}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (seen.has(id)) {
      throw invalid(
        `${place}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${id}`,
      );
    }
    seen.add(id);
  }
}

function toolUseIds(turn: Turn): string[] {
  return turn.blocks.flatMap(({ block }) => (block.type === 'tool_use' ? [block.id] : []));
}

function leadingResultIds(turn: Turn): string[] {
  const end = turn.blocks.findIndex(({ block }) => block.type !== 'tool_result');
  return turn.blocks
    .slice(0, end === -1 ? undefined : end)
    .flatMap(({ block }) => (block.type === 'tool_result' ? [block.tool_use_id] : []));
}

function checkTools(request: CountRequest, turns: Turn[]): void {
  const names = (request.tools ?? []).map((tool) => tool.name);
  if (new Set(names).size < names.length) throw invalid('tools: Tool names must be unique.');
  if (names.length === 0 && turns.some((turn) => toolUseIds(turn).length > 0)) {
    throw invalid('Requests which include `tool_use` or `tool_result` blocks must define tools');
  }
  const choice = request.tool_choice;
  if (choice === undefined) return;
  if (names.length === 0 && choice.type !== 'none') {
    throw invalid('tool_choice: `tool_choice` may only be specified while providing `tools`.');
  }
  if (choice.type === 'tool' && !names.includes(choice.name)) {
    throw invalid(`tool_choice: Tool '${choice.name}' not found in provided tools`);
  }
}

function checkBreakpoints(request: CountRequest): void {
  const found = countBreakpoints(request);
  if (found > maximumBreakpoints) {
    throw invalid(
      `A maximum of ${maximumBreakpoints} blocks with cache_control may be provided. Found ${found}.`,
    );
  }
}

function countBreakpoints(request: CountRequest): number {
  const marked = (thing: object) => 'cache_control' in thing && thing.cache_control != null;
  const blocks = request.messages.flatMap(blocksOf);
  return [
    request,
    ...(request.tools ?? []),
    ...(Array.isArray(request.system) ? request.system : []),
    ...blocks,
    ...blocks.flatMap((block) =>
      block.type === 'tool_result' && Array.isArray(block.content) ? block.content : [],
    ),
  ].filter(marked).length;
}
