const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** An amount of bytes for people: `0 B`, `1.5 KiB`, `12 MiB`. */
export function bytes(amount: number): string {
  let left = amount;
  let unit = 0;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${unit === 0 || left >= 10 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`;
}
