import { isAnswer, type TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import type { Trouble } from './model-request.ts';
import { utcDay } from './usage.ts';

/** Why the model must not be asked once more in this turn. */
export function limitReached(turn: readonly TranscriptEntry[], host: SessionHost): Trouble | undefined {
  const { maxTurns, maxTokensPerDay } = host.config().model;
  const asked = turn.filter(isAnswer).length;
  if (maxTurns !== undefined && asked >= maxTurns) {
    return {
      reason: 'MaxTurns',
      message: `The message took ${asked} model requests, as many as agent.maxTurns allows.`,
    };
  }
  const day = utcDay(new Date().toISOString());
  const spent = host.dailyUsage.on(day);
  if (maxTokensPerDay !== undefined && spent >= maxTokensPerDay) {
    const message = `The workspace has used ${spent} tokens on ${day} (UTC); agent.maxTokensPerDay is ${maxTokensPerDay}. Send it again tomorrow, or raise the limit.`;
    return { reason: 'TokenBudgetSpent', message };
  }
  return undefined;
}
