import type { AskPerson } from '../tools/tool.ts';

/** What a server may have while a call of it is under way. */
export interface DuringCall {
  ask: AskPerson;
  /** Asks the model beside the conversation. */
  askModel: (system: string, texts: string[]) => Promise<{ text: string; model: string }>;
  /** Nobody is asked about anything in this session. */
  unasked: boolean;
}
