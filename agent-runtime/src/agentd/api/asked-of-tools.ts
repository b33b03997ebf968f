import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { HttpError } from './error.ts';

const codes = {
  invalid: 'invalid',
  is_directory: 'invalid',
  outside_home: 'invalid',
  too_large: 'invalid',
  not_found: 'not_found',
  conflict: 'conflict',
  limit: 'conflict',
  stopping: 'checkpointing',
} as const;

/** What `workspaced` refused, as the API says it. `what` cannot be reached where it does not answer. */
export async function askedOfTools<T>(what: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ToolRefused) {
      const code = codes[error.code as keyof typeof codes] ?? 'unavailable';
      throw new HttpError(code, `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`);
    }
    if (error instanceof ToolsUnavailable)
      throw new HttpError('unavailable', `No ${what} can be reached: ${error.message}. Try again.`);
    throw error;
  }
}
