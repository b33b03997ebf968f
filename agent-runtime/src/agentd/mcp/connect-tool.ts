import { z } from 'zod';
import type { AnyTool } from '../tools/registry.ts';
import type { Tool, ToolOutcome } from '../tools/tool.ts';
import { type Declared, describeServer, digestOf } from './declared.ts';

/** A server of a file that nobody has let in. */
export interface Waiting {
  declared: Declared;
  digest: string;
}

export function waitingOf(declared: Declared): Waiting {
  return { declared, digest: digestOf(declared.server) };
}

/**
 * `ConnectMcpServer`: how a person lets in a server that a file names. The digest stands in the call itself, so what they answer is
 * bound to what they were shown: a file that changed meanwhile asks anew.
 */
export function connectTool(
  waiting: () => readonly Waiting[],
  connect: (name: string, digest: string) => Promise<ToolOutcome>,
): AnyTool {
  const find = ({ server, digest }: { server: string; digest: string }) =>
    waiting().find((each) => each.declared.server.name === server && each.digest === digest);
  const input = z
    .strictObject({
      server: z.string().min(1).max(64).describe('Its name, as it is listed.'),
      digest: z
        .string()
        .regex(/^[0-9a-f]{16}$/)
        .describe('Its digest, as it is listed.'),
    })
    .refine((call) => find(call) !== undefined, {
      error:
        'no server of this name and digest waits to be let in: it may have been let in, or its file has changed',
    });
  const tool: Tool<z.infer<typeof input>> = {
    name: 'ConnectMcpServer',
    description:
      'Asks a person to let in an MCP server that a file of the workspace names, and connects to it. Its tools can be called afterwards. A system-reminder lists the servers that wait, with their digests.',
    input,
    parallel: false,
    access: ({ server }) => ({ kind: 'connect', tool: 'ConnectMcpServer', server }),
    summary(call) {
      const found = find(call);
      return found === undefined ? call.server : describeServer(found.declared);
    },
    run: ({ server, digest }) => connect(server, digest),
  };
  return tool as unknown as AnyTool;
}
