/**
 * What can go wrong on purpose. One grammar serves the instruction `fail: FAULT`, the header `x-model-server-fault`, the
 * option `--fault` and the `faults` of a test:
 *
 * | FAULT | effect |
 * |---|---|
 * | `STATUS` | an error answer; 429 carries `retry-after` |
 * | `cut after N` | the connection is destroyed after N events of the stream |
 * | `error after N` | an `error` event (`overloaded_error`) follows N events of the stream, which then ends |
 * | `slow MS` | every event of the stream is MS milliseconds late |
 *
 * Conditions follow, in any order: `until INSTANT` (RFC 3339; nothing happens from then on), `for N attempts` (of one
 * request, as its header `x-stainless-retry-count` counts them), `retry-after SECONDS`. So a fault passes although
 * nothing is remembered.
 */
export type Fault = Condition &
  (
    | { kind: 'status'; status: number }
    | { kind: 'cut' | 'error'; after: number }
    | { kind: 'slow'; everyMs: number }
  );

interface Condition {
  /** Milliseconds since the epoch. */
  until?: number;
  attempts?: number;
  /** Seconds. */
  retryAfter?: number;
}

/** The header that names a fault for one request. */
export const faultHeader = 'x-model-server-fault';

const kinds: [RegExp, (amount: number) => Fault][] = [
  [/^([45]\d\d)(?= |$)/, (status) => ({ kind: 'status', status })],
  [/^cut after (\d+)(?: events?)?(?= |$)/, (after) => ({ kind: 'cut', after })],
  [/^error after (\d+)(?: events?)?(?= |$)/, (after) => ({ kind: 'error', after })],
  [/^slow (\d+)(?: ?ms)?(?= |$)/, (everyMs) => ({ kind: 'slow', everyMs })],
];

const conditions: [RegExp, (fault: Fault, value: string) => boolean][] = [
  [
    /^ until (\S+)/,
    (fault, value) => {
      fault.until = Date.parse(value);
      return !Number.isNaN(fault.until);
    },
  ],
  [
    /^ for (\d+) attempts?(?= |$)/,
    (fault, value) => {
      fault.attempts = Number(value);
      return true;
    },
  ],
  [
    /^ retry-after (\d+)(?: ?s)?(?= |$)/,
    (fault, value) => {
      fault.retryAfter = Number(value);
      return true;
    },
  ],
];

/** The fault that `text` describes; `undefined` when it is none. */
export function parseFault(text: string): Fault | undefined {
  for (const [pattern, make] of kinds) {
    const match = pattern.exec(text.trim());
    if (match === null) continue;
    const fault = make(Number(match[1]));
    return takeConditions(fault, text.trim().slice(match[0].length)) ? fault : undefined;
  }
  return undefined;
}

function takeConditions(fault: Fault, text: string): boolean {
  if (text.length === 0) return true;
  for (const [pattern, take] of conditions) {
    const match = pattern.exec(text);
    if (match !== null) {
      return take(fault, match[1] ?? '') && takeConditions(fault, text.slice(match[0].length));
    }
  }
  return false;
}

/** What the conditions of a fault are judged by. */
export interface Attempt {
  /** Milliseconds since the epoch. */
  now: number;
  /** How often the client has sent this request before. */
  retries: number;
}

export function isActive(fault: Fault, attempt: Attempt): boolean {
  if (fault.until !== undefined && attempt.now >= fault.until) return false;
  return fault.attempts === undefined || attempt.retries < fault.attempts;
}

/** Seconds for the header: what the fault says, else what is left of it, else one second for a rate limit. */
export function retryAfter(fault: Fault, attempt: Attempt): number | undefined {
  if (fault.retryAfter !== undefined) return fault.retryAfter;
  if (fault.kind !== 'status' || fault.status !== 429) return undefined;
  return fault.until === undefined ? 1 : Math.max(1, Math.ceil((fault.until - attempt.now) / 1000));
}
