import { type Loaded, loadedInstructions } from '../context/memory/loaded.ts';
import type { SessionContext } from '../context/session-context.ts';
import type { RoundContext } from './tool-round.ts';

/** InstructionsLoaded, for each file that opens the conversation. */
export async function tellOfOpening(
  context: SessionContext,
  reason: 'session_start' | 'compact',
  round: RoundContext,
): Promise<void> {
  if (!round.hooks.has('InstructionsLoaded')) return;
  await context.opening();
  tell(context.opened, reason, round);
}

/** The same for those that the work led to. */
export function tellOfNews({ newest }: SessionContext, round: RoundContext): void {
  if (newest !== undefined && round.hooks.has('InstructionsLoaded')) tell(newest, 'nested_traversal', round);
}

/** Nobody waits for it. */
function tell(
  loaded: Loaded,
  reason: Parameters<typeof loadedInstructions>[1],
  { hooks, host }: RoundContext,
): void {
  for (const about of loadedInstructions(loaded, reason, host.home))
    hooks.notify('InstructionsLoaded', about.load_reason, { ...about });
}
