import {
  MessagesModel,
  type Model,
  type ModelAnswer,
  type ModelRequest,
  type StreamOptions,
} from '../model/model-client.ts';
import type { ContentBlock } from '../session/entry.ts';
import type { TestWorkspace } from './workspace.ts';

/** The scripted model of a test workspace, which also tells what it was asked. */
export class RecordingModel implements Model {
  readonly requests: ModelRequest[] = [];
  /** What it answers instead of following the script, where that is not undefined. */
  answers: (request: ModelRequest) => ContentBlock[] | undefined = () => undefined;
  readonly #model: Model;

  constructor(workspace: TestWorkspace) {
    this.#model = new MessagesModel(() => workspace.model.url, { read: async () => workspace.credential });
  }

  stream(request: ModelRequest, options: StreamOptions): Promise<ModelAnswer> {
    this.requests.push(structuredClone(request));
    const content = this.answers(request);
    if (content !== undefined) return Promise.resolve(answerOf(content));
    return this.#model.stream(request, options);
  }

  /** The texts of a message of the newest request, one after another. */
  texts(message: number): string[] {
    const { content } = this.requests.at(-1)?.messages.at(message) ?? { content: [] };
    return content.flatMap((block) => (block.type === 'text' ? [String(block.text)] : []));
  }
}

function answerOf(content: ContentBlock[]): ModelAnswer {
  return {
    ...{ id: 'msg_0', type: 'message', role: 'assistant', model: 'm', stop_sequence: null },
    ...{ content, usage: { input_tokens: 1, output_tokens: 1 } },
    stop_reason: content.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn',
  };
}
