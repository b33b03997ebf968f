import type { z } from 'zod';
import type { fileRead } from '../../protocol/agent-api.ts';
import { readResult } from '../../protocol/tools-api.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { askedOfTools } from './asked-of-tools.ts';

/** Files of the workspace, as clients of the API read them: by the tools, and confined as they are. */
export class WorkspaceFiles {
  readonly #client: Pick<ToolsClient, 'call'>;
  readonly #home: string;

  constructor(client: Pick<ToolsClient, 'call'>, home: string) {
    this.#client = client;
    this.#home = home;
  }

  /** Lines of a text file. Throws `HttpError`. */
  async read(file: string, offset: number, limit: number): Promise<z.infer<typeof fileRead>> {
    const path = resolvePath(file, this.#home, this.#home);
    const read = this.#client.call('POST', '/files/read', { path, offset, limit }, readResult);
    const { content, totalLines, truncated } = await askedOfTools('file', read);
    return { path, content, totalLines, truncated };
  }
}
