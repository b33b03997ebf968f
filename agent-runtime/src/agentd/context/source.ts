import type { RuntimeConfig } from '../../protocol/config.ts';
import type { CollectRequest, CollectResult } from '../../protocol/tools-api.ts';
import { decide, type PermissionScope } from '../permissions/decide.ts';
import type { ToolsClient } from '../tools/tools-client.ts';

export type CollectedFile = CollectResult['files'][number];

/** The files of a workspace as the context of a session is made of them. */
export interface ContextSource {
  readonly home: string;
  /** One round trip. Rejects as `ToolsClient.call` does. */
  collect(request: CollectRequest): Promise<CollectResult>;
}

/**
 * Reads through `workspaced`, and only what the Read tool would read without asking: no rule is stepped around by an import
 * or a link.
 */
export function sourceOf(
  client: ToolsClient,
  permissions: RuntimeConfig['permissions'],
  scope: PermissionScope,
  signal: AbortSignal,
): ContextSource {
  const mayRead = (path: string) =>
    decide({ kind: 'read', tool: 'Read', path }, permissions, scope).verdict === 'allow';
  return {
    home: scope.home,
    async collect(request) {
      const files = request.files.filter(mayRead);
      const folders = request.folders.filter(({ path }) => mayRead(path));
      if (files.length + folders.length === 0) return { files: [], problems: [], truncated: false };
      const body = { ...request, files, folders };
      const found = await client.collect(body, signal);
      return {
        ...found,
        files: found.files.filter(({ path, realPath }) => mayRead(path) && mayRead(realPath)),
      };
    },
  };
}
