/** An RFC 3339 instant with milliseconds, from milliseconds since the epoch. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Milliseconds since the epoch of an RFC 3339 instant; undefined where there is none or it is not one. */
export function millisecondsAt(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}
