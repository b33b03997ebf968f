import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Child, freePort } from '../child.ts';

/** nginx as a reverse proxy before one server: one worker, connections kept on both sides, no log of requests. */
export class Nginx implements AsyncDisposable {
  readonly child: Child;
  readonly port: number;
  readonly #all: AsyncDisposableStack;

  private constructor(child: Child, port: number, all: AsyncDisposableStack) {
    this.child = child;
    this.port = port;
    this.#all = all;
  }

  /** Resolves when it takes connections. `behind`: HOST:PORT. */
  static async start(behind: string): Promise<Nginx> {
    await using all = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'dormouse-nginx-'));
    all.defer(() => rm(folder, { recursive: true }));
    const port = await freePort();
    const file = join(folder, 'nginx.conf');
    await writeFile(file, configuration(folder, port, behind));
    // Debian has it where only root's PATH looks.
    const env = { PATH: `${process.env.PATH}:/usr/sbin` };
    const child = all.use(Child.start('nginx', ['-e', 'stderr', '-p', folder, '-c', file], { env }));
    for (let tries = 0; !(await takesConnections(port)); tries += 1) {
      if (tries === 50) throw new Error('nginx did not start within 5 s');
      await pause(100);
    }
    return new Nginx(child, port, all.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#all.disposeAsync();
  }
}

function configuration(folder: string, port: number, behind: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  ${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  access_log off;
  keepalive_requests 1000000;
  upstream behind {
    server ${behind};
    keepalive 64;
    keepalive_requests 1000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
