import type { AgentUsageSpec, AgentWorkspaceStatus } from '@dormouse/crds';

/** `status.usage` of a workspace. */
export type TodaysUsage = NonNullable<AgentWorkspaceStatus['usage']>;

/** What an account comes to. @param limit tokens of one day; undefined: none */
export function todaysUsage({ day, totalTokens }: AgentUsageSpec, limit: number | undefined): TodaysUsage {
  return { day, tokens: totalTokens, ...(limit === undefined ? {} : { limit }) };
}

/**
 * When to write what a workspace used: `never` where its status says so already, or speaks of a later day; `now` where the limit is
 * reached and the status does not show it; else `soon`.
 */
export function whenToTell(shown: TodaysUsage | undefined, usage: TodaysUsage): 'never' | 'soon' | 'now' {
  if (shown !== undefined && (shown.day > usage.day || sameUsage(shown, usage))) return 'never';
  return isSpent(usage) && !(shown?.day === usage.day && isSpent(shown)) ? 'now' : 'soon';
}

export function sameUsage(a: TodaysUsage | undefined, b: TodaysUsage | undefined): boolean {
  return a?.day === b?.day && a?.tokens === b?.tokens && a?.limit === b?.limit;
}

function isSpent({ tokens, limit }: TodaysUsage): boolean {
  return limit !== undefined && tokens >= limit;
}
