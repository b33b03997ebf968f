const factors: Record<string, number> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a Kubernetes quantity stands for (`2Gi` → 2147483648); NaN where it is none. */
export function quantityValue(text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$/.exec(text);
  if (match === null) return Number.NaN;
  const [, amount, suffix = ''] = match;
  return Number(amount) * (suffix === '' ? 1 : (factors[suffix] ?? Number.NaN));
}

/** The smaller of two quantities, as it was written. */
export function smallerQuantity(one: string, other: string | undefined): string {
  return other !== undefined && quantityValue(other) < quantityValue(one) ? other : one;
}
