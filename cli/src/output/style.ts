/** Emphasis on a terminal. On anything else, and with NO_COLOR, text stays as it is. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

const plain = (text: string) => text;
const code = (on: number, off: number) => (text: string) => `\x1b[${on}m${text}\x1b[${off}m`;

export function style(isTerminal: boolean | undefined, env: Record<string, string | undefined>): Style {
  // https://no-color.org: set and not empty, whatever it says.
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') {
    return { bold: plain, dim: plain, good: plain, bad: plain };
  }
  return { bold: code(1, 22), dim: code(2, 22), good: code(32, 39), bad: code(31, 39) };
}
