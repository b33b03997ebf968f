import {
  MessagesModel,
  type Model,
  type ModelAnswer,
  type ModelRequest,
  type StreamOptions,
} from '../model/model-client.ts';
import type { TestWorkspace } from './workspace.ts';

/** The scripted model of a test workspace, which also tells what it was asked. */
export class RecordingModel implements Model {
  readonly requests: ModelRequest[] = [];
  readonly #model: Model;

  constructor(workspace: TestWorkspace) {
    this.#model = new MessagesModel(() => workspace.model.url, { read: async () => workspace.credential });
  }

  stream(request: ModelRequest, options: StreamOptions): Promise<ModelAnswer> {
    this.requests.push(structuredClone(request));
    return this.#model.stream(request, options);
  }

  /** The texts of a message of the newest request, one after another. */
  texts(message: number): string[] {
    const { content } = this.requests.at(-1)?.messages.at(message) ?? { content: [] };
    return content.flatMap((block) => (block.type === 'text' ? [String(block.text)] : []));
  }
}
