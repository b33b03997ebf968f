/** What in a log of criu says that something cannot be dumped or restored, and what that is to a person. */
const complaints: readonly [RegExp, string][] = [
  [
    /anon_inode:\[io_uring\]/,
    'it uses io_uring. That is switched off for programs that call it by the C library, as Node.js does; this one calls the kernel by itself: switch it off in the program',
  ],
  [
    /fsnotify:/,
    'it watches files with inotify. Let it look at them from time to time instead (CHOKIDAR_USEPOLLING=1, --poll)',
  ],
  [
    /unix: External socket is used/,
    'it is connected by a Unix socket to a process outside of it. Start both as one service',
  ],
  [/tty: /, 'it holds a terminal of a process outside of it. Start it without one'],
  [
    /SysVIPC shmem/,
    'it has shared memory of System V. That is made of files for programs that call it by the C library; this one calls the kernel by itself',
  ],
  [/pid \d+.*(already|in use)|Can't fork for \d+: File exists/i, 'its process id is taken'],
  [
    /(File|file) .* has bad (size|mode)|build-id/,
    'a file that it has open is not as it was: the image of the workspace may have changed',
  ],
  [/Can't open file|No such file/, 'a file that it has open is gone'],
  [/cpuinfo|CPU .*(feature|xfeatures|capabilities)/i, 'this node has another processor'],
];

/** What the log of criu says went wrong: the known meaning where there is one, and its own first words on it. */
export function complaintOf(log: string): string | undefined {
  const errors = [...log.matchAll(/Error \([^)]*\): (.*)/g)].map(([, text = '']) => text.trim());
  const [first] = errors;
  if (first === undefined) return undefined;
  for (const [pattern, meaning] of complaints) {
    const match = errors.find((error) => pattern.test(error));
    if (match !== undefined) return `${meaning} (criu: ${match.slice(0, 200)})`;
  }
  return `criu: ${errors.slice(0, 3).join('; ').slice(0, 400)}`;
}
