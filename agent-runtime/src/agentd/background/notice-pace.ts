/** Milliseconds between two turns that monitors of one session begin, at least. */
const spacing = 5_000;
/** Turns that they begin within an hour, at most. */
const most = 30;
const hour = 3_600_000;

/**
 * When monitors may begin the next turn of a session, given when they began others; milliseconds since the epoch. What is
 * printed meanwhile is told in that turn, or in any other that runs.
 */
export function nextNotice(begun: readonly number[], now: number): number {
  const recent = begun.filter((at) => at > now - hour).sort((a, b) => a - b);
  const spaced = (recent.at(-1) ?? Number.NEGATIVE_INFINITY) + spacing;
  const full = recent.length < most ? now : (recent.at(-most) ?? now) + hour;
  return Math.max(now, spaced, full);
}
