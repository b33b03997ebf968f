import { readdirSync, readFileSync, statSync } from 'node:fs';

/** One row of the kernel's process table. */
export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  session: number;
  /** The kernel's letter: `R`, `S`, `D`, `T`, `Z` … */
  state: string;
  /** Clock ticks after the kernel's start: tells a process from a later one with the same pid. */
  startTime: number;
  uid: number;
}

/** Parses `/proc/PID/stat`. The name in parentheses may itself hold spaces and parentheses. */
export function parseStat(stat: string, uid: number): ProcessEntry | undefined {
  const open = stat.indexOf(' (');
  const close = stat.lastIndexOf(') ');
  if (open < 0 || close < open) return undefined;
  const fields = stat.slice(close + 2).split(' ');
  const [state, parent, group, session] = fields;
  const startTime = fields[19];
  if (!state || !parent || !group || !session || !startTime) return undefined;
  return {
    pid: Number(stat.slice(0, open)),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    state,
    startTime: Number(startTime),
    uid,
  };
}

/** The process, or `undefined` when it ended, also while it was being read. */
export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'), statSync(`/proc/${pid}`).uid);
  } catch {
    // A process that ends between the listing and this line is simply not there any more.
    return undefined;
  }
}

/** Every process that can be seen and is not a zombie. 12 µs each: synchronous, so that the picture is of one moment. */
export function readProcessTable(): ProcessEntry[] {
  const entries: ProcessEntry[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const entry = readProcess(pid);
    if (entry && entry.state !== 'Z' && entry.state !== 'X') entries.push(entry);
  }
  return entries;
}

/** The processes that `root` started, and those that they started, `root` first; also where one has made a session of its own. */
export function descendants(table: readonly ProcessEntry[], root: number): ProcessEntry[] {
  const tree = table.filter((entry) => entry.pid === root);
  for (const { pid } of tree) tree.push(...table.filter((entry) => entry.parent === pid));
  return tree;
}

/** What a person would call the process: its command line, as `shown` has its words, cut at 80 characters. */
export function describeProcess(pid: number, shown = (words: string[]) => words): string {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean);
    const line = shown(words).join(' ').replaceAll(/\s+/g, ' ');
    return line.length > 80 ? `${line.slice(0, 79)}…` : line || `pid ${pid}`;
  } catch {
    // Ended meanwhile.
    return `pid ${pid}`;
  }
}
