import type { AgentWorkspaceClass, ModelPrices, Usage } from '@dormouse/crds';

/** Decimals of an amount of money: it is a whole number of millionths. */
const decimals = 6;

/** An amount such as `0.30`, in millionths. */
export function millionths(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(decimals, '0'));
}

/** What a model costs in a class; undefined where nobody said. */
export function pricesOf({ spec }: AgentWorkspaceClass, model: string): ModelPrices | undefined {
  return spec.model.prices?.find((each) => each.model === model);
}

/** What a class may spend on one day, in millionths; undefined: as much as it likes. */
export function costLimitOf({ spec }: AgentWorkspaceClass): number | undefined {
  return spec.model.maxCostPerDay === undefined ? undefined : Number(millionths(spec.model.maxCostPerDay));
}

/** What tokens cost, in millionths, rounded up. Without prices: nothing. */
export function priceOf(usage: Usage, prices: ModelPrices | undefined): number {
  if (prices === undefined) return 0;
  const { input, output, cacheRead = input, cacheWrite = input } = prices;
  const ofMillion = [
    [usage.inputTokens, input],
    [usage.outputTokens, output],
    [usage.cacheReadTokens, cacheRead],
    [usage.cacheWriteTokens, cacheWrite],
  ] as const;
  const sum = ofMillion.reduce((total, [tokens, price]) => total + BigInt(tokens) * millionths(price), 0n);
  return Number((sum + 999_999n) / 1_000_000n);
}

/** The most that so many tokens cost, whatever the cache holds. */
export function highestPrice(
  { inputTokens, outputTokens }: Pick<Usage, 'inputTokens' | 'outputTokens'>,
  prices: ModelPrices | undefined,
): number {
  const none = { inputTokens: 0, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
  return Math.max(
    priceOf({ ...none, inputTokens }, prices),
    priceOf({ ...none, cacheReadTokens: inputTokens }, prices),
    priceOf({ ...none, cacheWriteTokens: inputTokens }, prices),
  );
}
