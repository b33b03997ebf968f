/** What a git server is asked for: one commit with all its files, and nothing of its past. By protocol 2, which needs no list of branches. */
export function packQuestion(commit: string): {
  path: string;
  headers: Record<string, string>;
  body: string;
} {
  const isSha256 = commit.length === 64;
  const lines = [
    line('command=fetch\n'),
    ...(isSha256 ? [line('object-format=sha256\n')] : []),
    '0001',
    line('no-progress\n'),
    line('ofs-delta\n'),
    line('deepen 1\n'),
    line(`want ${commit}\n`),
    line('done\n'),
    '0000',
  ];
  return {
    path: '/git-upload-pack',
    headers: {
      accept: 'application/x-git-upload-pack-result',
      'content-type': 'application/x-git-upload-pack-request',
      'git-protocol': 'version=2',
    },
    body: lines.join(''),
  };
}

/** A pkt-line: its whole length in four hex digits stands before it. */
function line(text: string): string {
  return (text.length + 4).toString(16).padStart(4, '0') + text;
}
