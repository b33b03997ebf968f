import { postJson } from '../../http/post-json.ts';
import type { PostRequest } from '../../protocol/tools-api.ts';
import { ToolFailure } from '../tool-failure.ts';

/** Sends what a hook is told to a server, from where the workspace stands: `environment` holds its variables and its proxy. */
export async function postForHook(
  { url, headers, allowedEnvVars, body, timeoutMs }: PostRequest,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  const filled = Object.entries(headers).map(([name, value]) => [
    name,
    value.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => {
      const variable = braced ?? bare ?? '';
      return allowedEnvVars.includes(variable) ? (environment[variable] ?? '') : '';
    }),
  ]);
  try {
    const proxies = environment;
    return await postJson({ url, headers: Object.fromEntries(filled), body, timeoutMs, proxies, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new ToolFailure('io', (error as Error).message, { cause: error });
  }
}
