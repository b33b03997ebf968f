const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/** How long something takes, as kubectl shows ages: the two greatest units while the first is small. */
export function span(milliseconds: number): string {
  const left = Math.max(0, milliseconds);
  if (left < 2 * minute) return `${Math.floor(left / second)}s`;
  if (left < 10 * minute) return two(left, minute, 'm', second, 's');
  if (left < 3 * hour) return `${Math.floor(left / minute)}m`;
  if (left < 8 * hour) return two(left, hour, 'h', minute, 'm');
  if (left < 2 * day) return `${Math.floor(left / hour)}h`;
  if (left < 8 * day) return two(left, day, 'd', hour, 'h');
  if (left < 2 * year) return `${Math.floor(left / day)}d`;
  return `${Math.floor(left / year)}y`;
}

/** Time since an RFC 3339 instant; empty where there is none. */
export function age(instant: string | undefined, now: number): string {
  const at = Date.parse(instant ?? '');
  return Number.isNaN(at) ? '' : span(now - at);
}

/** `in 5m`, or `now` for what is due. */
export function until(instant: string, now: number): string {
  const left = Date.parse(instant) - now;
  return left <= 0 ? 'now' : `in ${span(left)}`;
}

function two(left: number, unit: number, name: string, smaller: number, smallerName: string): string {
  const rest = Math.floor((left % unit) / smaller);
  return `${Math.floor(left / unit)}${name}${rest === 0 ? '' : `${rest}${smallerName}`}`;
}
