/** What the program tells by its exit code, and in `--help` and docs/reference/cli.md in these words. */
export const exitCodes = {
  ok: { code: 0, meaning: 'it is done' },
  failed: { code: 1, meaning: 'the thing failed: a message or a checkpoint, or doctor found something' },
  usage: { code: 2, meaning: 'the command line is not valid' },
  notFound: { code: 3, meaning: 'the object, or Dormouse itself, is not in the cluster' },
  forbidden: { code: 4, meaning: 'your credentials are refused, or lack a right' },
  timeout: { code: 5, meaning: 'the time was over first; what was asked for goes on' },
  unreachable: { code: 6, meaning: 'no kubeconfig, or the API server or the gateway does not answer' },
  refused: { code: 7, meaning: 'the API server refuses the object, or it exists already' },
  internal: { code: 70, meaning: 'an error of this program; please report it' },
  interrupted: { code: 130, meaning: 'Ctrl-C' },
} as const;

export type Outcome = keyof typeof exitCodes;
