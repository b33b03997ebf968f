import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { goProgram } from '../go-program.ts';

/** The key that it takes. */
export const s3Key = { accessKeyId: 'dormouse-test', secretAccessKey: 'not-a-secret-at-all' };

export interface S3Server extends AsyncDisposable {
  /** `HOST:PORT`. */
  readonly address: string;
}

/** The program itself, for whoever runs it elsewhere: `s3-server ADDRESS BUCKET…`, with the key in `S3_ACCESS_KEY_ID` and `S3_SECRET_ACCESS_KEY`. */
export function s3Program(): Promise<string> {
  return goProgram('test/support/s3-server');
}

/** A server that speaks S3, with these buckets, in memory. */
export async function startS3(buckets: string[], listen = '127.0.0.1:0'): Promise<S3Server> {
  const child = spawn(await s3Program(), [listen, ...buckets], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { S3_ACCESS_KEY_ID: s3Key.accessKeyId, S3_SECRET_ACCESS_KEY: s3Key.secretAccessKey },
  });
  const [address] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    address,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
