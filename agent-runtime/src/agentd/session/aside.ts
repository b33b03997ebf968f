import type { TokenUsage } from '../../protocol/messages.ts';
import { textOf, transcriptEntry } from './entry.ts';
import type { RoundContext } from './tool-round.ts';
import { usageOf } from './usage.ts';

/**
 * Asks the model of the session beside its conversation. The answer is in no transcript by itself: whoever asks writes down
 * what it needs of it, and the usage. Rejects with `ModelRefused`, and waits as long as every request does.
 */
export async function askAside(
  { host, signal, session }: RoundContext,
  system: string,
  texts: readonly string[],
): Promise<{ text: string; usage: TokenUsage }> {
  const content = texts.map((text) => ({ type: 'text', text }));
  const request = () => ({
    model: host.config().model.name,
    system,
    tools: [],
    messages: [{ role: 'user' as const, content }],
  });
  const answer = await host.model.answer(request, {
    signal,
    onText: () => host.active(),
    onFailure: (failure) => host.log.warn({ session, ...failure }, 'model request failed'),
  });
  const said = { message: transcriptEntry.shape.message.parse(answer) };
  return { text: textOf(said), usage: usageOf(said) };
}
