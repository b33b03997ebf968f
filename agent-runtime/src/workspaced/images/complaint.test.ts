import { describe, expect, it } from 'vitest';
import { complaintOf } from './complaint.ts';

describe('what criu complains of', () => {
  it.each([
    [
      'Error (criu/proc_parse.c:502): Unknown shit 600 (anon_inode:[io_uring])\nError (criu/cr-dump.c:1975): Dumping FAILED.',
      /^it uses io_uring.*\(criu: Unknown/,
    ],
    ["Error (criu/fsnotify.c:284): fsnotify: \tCan't dump that handle", /^it watches files with inotify/],
    [
      'Error (criu/sk-unix.c:874): unix: External socket is used. Consider using --ext-unix-sk option.',
      /^it is connected by a Unix socket/,
    ],
    [
      'Error (criu/tty.c:410): tty: Found slave peer index 0 without correspond master peer',
      /^it holds a terminal of a process outside/,
    ],
    [
      "Error (criu/cr-dump.c:478): Task 321 with SysVIPC shmem map @7fd doesn't live in IPC ns",
      /^it has shared memory of System V/,
    ],
  ])('is said in words that lead on', (log, sentence) => {
    expect(complaintOf(`Warn  (criu/kerndat.c:1200): nothing\n${log}\n`)).toMatch(sentence);
  });

  it('is said in its own words where they are not known', () => {
    expect(complaintOf('Error (criu/a.c:1): first\nError (criu/b.c:2): second\n')).toBe(
      'criu: first; second',
    );
    expect(complaintOf('Warn  (criu/kerndat.c:1): nothing\n')).toBeUndefined();
  });
});
