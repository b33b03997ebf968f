/** Programs that run another one, for allow rules: what may stand before it, by word. */
const stripped = new Map<string, (words: readonly string[]) => number>(
  Object.entries({
    timeout: (words) => {
      let at = 1;
      while (/^-/.test(words[at] ?? '')) at += /^-[ks]$/.test(words[at] ?? '') ? 2 : 1;
      return /^[\d.]+[smhd]?$/.test(words[at] ?? '') ? at + 1 : 0;
    },
    time: (words) => (words[1] === '-p' ? 2 : 1),
    nice: (words) => {
      if (words[1] === '-n' || words[1] === '--adjustment') return /^[-+]?\d+$/.test(words[2] ?? '') ? 3 : 0;
      return /^(?:-\d+|--adjustment=[-+]?\d+|-n[-+]?\d+)$/.test(words[1] ?? '') ? 2 : 1;
    },
    nohup: () => 1,
    stdbuf: (words) => {
      let at = 1;
      while (/^(?:-[ioe]|--(?:input|output|error)=)/.test(words[at] ?? ''))
        at += /^-[ioe]$/.test(words[at] ?? '') ? 2 : 1;
      return at > 1 ? at : 0;
    },
    xargs: () => 1,
  }),
);

/** How many words `timeout 5`, `time`, `nice -n 5`, `nohup`, `stdbuf -oL` and bare `xargs` take at the front, as often as they stand there. */
export function wrapperLength(words: readonly string[]): number {
  let at = 0;
  for (;;) {
    const length = stripped.get(words[at] ?? '')?.(words.slice(at)) ?? 0;
    const next = words[at + length];
    // What begins with a dash would be an option of the wrapper that is not known here.
    if (length === 0 || next === undefined || next.startsWith('-')) return at;
    at += length;
  }
}
