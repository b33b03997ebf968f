/** Comparisons of lines that a hint may cost: about 20 ms. */
const budget = 2_000_000;

/**
 * Says where a text comes closest to `sought`, and what differs there first; `undefined` where nothing resembles it or
 * looking would take long. Lines are compared without the white space around them, which is what is mistaken most often.
 */
export function closestLines(text: string, sought: string): string | undefined {
  const wanted = sought.replace(/\r?\n$/, '').split(/\r?\n/);
  const lines = text.split(/\r?\n/);
  if (wanted.length * lines.length > budget) return undefined;
  const place = bestPlace(
    lines.map((line) => line.trim()),
    wanted.map((line) => line.trim()),
  );
  if (place === undefined) return undefined;
  const different = wanted.findIndex((line, index) => lines[place + index] !== line);
  if (different < 0)
    return `Lines ${place + 1} to ${place + wanted.length} hold it except for its line ends.`;
  const found = lines[place + different] ?? '';
  const expected = wanted[different] ?? '';
  const why = found.trim() === expected.trim() ? ' They differ in white space.' : '';
  return `Closest is line ${place + different + 1}: the file has ${quote(found)} where ${quote(expected)} was given.${why}`;
}

/** The index of the line at which most of `wanted` lies in place; with none in place, of the line most like its first. */
function bestPlace(lines: readonly string[], wanted: readonly string[]): number | undefined {
  let best: number | undefined;
  let most = 0;
  for (let at = 0; at < lines.length; at++) {
    let equal = 0;
    for (let index = 0; index < wanted.length; index++) {
      if (wanted[index] !== '' && lines[at + index] === wanted[index]) equal += 1;
    }
    if (equal > most) {
      most = equal;
      best = at;
    }
  }
  return best ?? mostSimilar(lines, wanted.find((line) => line !== '') ?? '');
}

/** The line that shares the most characters at its beginning and end with `wanted`, if that is at least half of it. */
function mostSimilar(lines: readonly string[], wanted: string): number | undefined {
  let best: number | undefined;
  let most = Math.max(4, wanted.length / 2);
  for (const [at, line] of lines.entries()) {
    const shortest = Math.min(line.length, wanted.length);
    let front = 0;
    while (front < shortest && line[front] === wanted[front]) front += 1;
    let back = 0;
    while (back < shortest - front && line.at(-1 - back) === wanted.at(-1 - back)) back += 1;
    if (front + back >= most) {
      most = front + back + 1;
      best = at;
    }
  }
  return best;
}

function quote(line: string): string {
  return JSON.stringify(line.length > 160 ? `${line.slice(0, 159)}…` : line);
}
