import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/** What restic says while and after it works, of its `--json` output; version 0.18. */
const line = z.discriminatedUnion('message_type', [
  z.object({
    message_type: z.literal('status'),
    percent_done: z.number().default(0),
    files_done: z.number().default(0),
    bytes_done: z.number().default(0),
    files_restored: z.number().optional(),
    bytes_restored: z.number().optional(),
  }),
  z.object({
    message_type: z.literal('summary'),
    snapshot_id: z.string().optional(),
    total_files_processed: z.number().optional(),
    total_bytes_processed: z.number().optional(),
    data_added_packed: z.number().optional(),
    files_restored: z.number().optional(),
    bytes_restored: z.number().optional(),
  }),
]);
export type ResticLine = z.infer<typeof line>;

/** Exit codes that mean something to us. */
export const exitCodes = { incomplete: 3, noRepository: 10, wrongPassword: 12 } as const;

export interface ResticResult {
  code: number;
  /** What it wrote to standard output that was no line of progress. */
  output: string;
  /** The end of what it complained of. */
  complaint: string;
}

/** Characters of the output that are kept: a list of snapshots. */
const longest = { output: 4 << 20, complaint: 2_000 };

export interface ResticOptions {
  /** The program. */
  program: string;
  /** The whole environment: where the repository is, and its password's file. */
  env: Record<string, string>;
  told: (line: ResticLine) => void;
  /** Ends it, as a Ctrl-C would. */
  signal?: AbortSignal;
}

/** Runs restic to its end. Rejects where it cannot be started. */
export function restic(
  args: readonly string[],
  { program, env, told, signal }: ResticOptions,
): Promise<ResticResult> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = () => child.kill('SIGINT');
  signal?.addEventListener('abort', end);
  let output = '';
  let complaint = '';
  createInterface({ input: child.stdout }).on('line', (text) => {
    if (text.startsWith('{"message_type"')) {
      const read = parse(text);
      // Of another kind, or of another version.
      if (read !== undefined) told(read);
    } else if (output.length < longest.output) output += `${text}\n`;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-longest.complaint);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => {
      signal?.removeEventListener('abort', end);
      resolve({ code: code ?? (by === null ? 1 : 128), output, complaint });
    });
  });
}

function parse(text: string): ResticLine | undefined {
  try {
    const read = line.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}

const control = /[^\x20-\x7e]+/g;

/** One sentence out of what restic complained of: file names in it are the workspace's, so nothing but plain characters stays. */
export function plainComplaint(text: string): string {
  const lines = text.split('\n').flatMap((each) => {
    const said = messageOf(each.trim());
    return said === '' ? [] : [said.replace(control, '?')];
  });
  return lines.slice(-3).join(' · ').slice(-600) || 'no more is known';
}

function messageOf(text: string): string {
  if (!text.startsWith('{')) return text;
  try {
    const read = JSON.parse(text) as { error?: { message?: unknown }; message?: unknown; item?: unknown };
    const said = read.error?.message ?? read.message;
    return typeof said === 'string' ? said : '';
  } catch {
    return '';
  }
}
