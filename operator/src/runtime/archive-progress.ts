import { type ArchiveProgress, archiveProgress } from '@dormouse/agent-runtime/protocol';
import { readBytes } from './client.ts';
import type { AgentTarget, AgentTransport } from './transport.ts';

/** Milliseconds, and bytes of an answer. */
const patience = 1_500;
const longest = 16_384;

/** How far an archive pod is; undefined where it does not answer, as before its first step and between two. */
export async function readArchiveProgress(
  transport: AgentTransport,
  pod: Omit<AgentTarget, 'key'>,
): Promise<ArchiveProgress | undefined> {
  // It has nothing to hide, and its network policy lets nobody else ask.
  const channel = transport({ ...pod, key: '' });
  try {
    const { status, body } = await channel.send({
      method: 'GET',
      path: '/v1/progress',
      signal: AbortSignal.timeout(patience),
    });
    const text = (await readBytes(body, longest)).toString();
    return status === 200 ? archiveProgress.safeParse(JSON.parse(text)).data : undefined;
  } catch {
    return undefined;
  } finally {
    await channel.close();
  }
}
