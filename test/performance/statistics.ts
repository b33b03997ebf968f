/** The value below which `share` of the samples lie, by nearest rank. Throws where there is no sample. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('a percentile of no samples');
  return value;
}

/** What a line of the benchmark says of a series. The unit is that of the samples, rounded to whole ones. */
export function summary(samples: readonly number[]): { count: number; p50: number; p95: number } {
  return {
    count: samples.length,
    p50: Math.round(percentile(samples, 0.5)),
    p95: Math.round(percentile(samples, 0.95)),
  };
}

/** Two decimals: more would be noise. */
export function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** One figure beside what it is aimed at: at most `most`, or at least `least`. */
export type Aim = { figure: number } & ({ most: number } | { least: number });

/** An aim as a line of the benchmark says it. */
export function judged(aim: Aim): Aim & { met: boolean } {
  const figure = rounded(aim.figure);
  return { ...aim, figure, met: 'most' in aim ? aim.figure <= aim.most : aim.figure >= aim.least };
}
