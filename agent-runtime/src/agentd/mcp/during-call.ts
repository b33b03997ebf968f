import type { AskPerson } from '../tools/tool.ts';
import type { CallClock } from './call-clock.ts';
import type { ElicitationHooks } from './elicit.ts';

/** What a server may have while a call of it is under way. */
export interface DuringCall {
  ask: AskPerson;
  /** Their say in what it asks a person. */
  hooks: ElicitationHooks;
  /** Asks the model beside the conversation. */
  askModel: (system: string, texts: string[]) => Promise<{ text: string; model: string }>;
  /** Nobody is asked about anything in this session. */
  unasked: boolean;
}

/** The same, while which the time of the call stands still. */
export function offTheClock({ ask, hooks, askModel, unasked }: DuringCall, clock: CallClock): DuringCall {
  return {
    ask: (...question) => clock.whileAsking(() => ask(...question)),
    hooks: {
      instead: (question) => clock.whileAsking(() => hooks.instead(question)),
      afterwards: (...answered) => clock.whileAsking(() => hooks.afterwards(...answered)),
    },
    askModel: (...question) => clock.whileAsking(() => askModel(...question)),
    unasked,
  };
}
