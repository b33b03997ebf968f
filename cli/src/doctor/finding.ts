import { ForbiddenError } from '@dormouse/operator/kube';
import { missingRight } from '../access/explain.ts';

/** What one look at the installation found. */
export interface Finding {
  /** What was looked at, in a few words. */
  check: string;
  /** `unknown`: the person may not look, which is no fault of the installation. */
  result: 'good' | 'bad' | 'unknown';
  /** What was found, in a sentence without its period. */
  message: string;
  /** How to mend it: commands, or whom to ask. Where the result is bad, there is at least one. */
  mend: string[];
}

export function good(check: string, message: string): Finding {
  return { check, result: 'good', message, mend: [] };
}

export function bad(check: string, message: string, mend: string[]): Finding {
  return { check, result: 'bad', message, mend };
}

export function unknown(check: string, message: string): Finding {
  return { check, result: 'unknown', message: `not looked at: ${message}`, mend: [] };
}

/** What `look` finds; a right that it lacks makes it unknown. */
export async function finding(check: string, look: () => Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    if (!(error instanceof ForbiddenError) || error.status !== 403) throw error;
    const right = missingRight(error.message);
    const what = right === undefined ? error.message : `you may not ${right.verb} ${right.resource}`;
    return [unknown(check, what)];
  }
}
