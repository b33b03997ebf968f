import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files of a plugin, by their paths in it. */
export type Files = Record<string, string>;

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
  }
}

/** The `.tar.gz` of these files, and its SHA-256 in hex. */
export async function archiveOf(files: Files): Promise<{ bytes: Buffer; digest: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'dormouse-plugin-'));
  try {
    await writeFiles(join(folder, 'files'), files);
    await run('tar', ['-czf', join(folder, 'plugin.tar.gz'), '-C', join(folder, 'files'), '.']);
    const bytes = await readFile(join(folder, 'plugin.tar.gz'));
    return { bytes, digest: digestOf(bytes) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function digestOf(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Where a server listens, and as what it is known. Without a port any that is free. */
export interface Listening {
  address: string;
  port: number;
  host: string;
}
const loopback: Listening = { address: '127.0.0.1', port: 0, host: '127.0.0.1' };

/** A git repository behind the real `git http-backend`. `commit` adds a commit with these files and answers it. With `authorization` only for who shows that. */
export async function gitServer(
  folder: string,
  format: 'sha1' | 'sha256' = 'sha1',
  { at = loopback, authorization }: { at?: Listening; authorization?: string } = {},
) {
  const work = join(folder, 'work');
  await mkdir(work, { recursive: true });
  const git = async (...args: string[]) => {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
    return (await run('git', [...identity, ...args], { cwd: work })).stdout.trim();
  };
  await git('init', '-q', `--object-format=${format}`, '.');
  const { stdout: execPath } = await run('git', ['--exec-path']);
  const server = createServer((request, response) => {
    if (authorization !== undefined && request.headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', 'http://localhost');
    const backend = spawn(join(execPath.trim(), 'git-http-backend'), {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: work,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.stdout.on('end', () => {
      const output = Buffer.concat(chunks);
      const end = output.indexOf('\r\n\r\n');
      const headers = output
        .toString('latin1', 0, end)
        .split('\r\n')
        .map((line) => line.split(': ') as [string, string]);
      const status = headers.find(([name]) => name === 'Status')?.[1];
      response.writeHead(
        Number.parseInt(status ?? '200', 10),
        headers.filter(([name]) => name !== 'Status').flat(),
      );
      response.end(output.subarray(end + 4));
    });
  });
  const host = await listen(server, at);
  return {
    url: `http://${host}/.git`,
    async commit(files: Files): Promise<string> {
      await writeFiles(work, files);
      await git('add', '-A');
      await git('commit', '-q', '--allow-empty', '-m', 'a commit');
      return git('rev-parse', 'HEAD');
    },
    git,
    close: () => close(server),
  };
}

/** A registry that is as strict as a real one: a token is needed, and its blobs lie behind a redirect that takes none. */
export async function registry(
  layer: Buffer,
  change: {
    manifest?: object;
    served?: Buffer;
    at?: Listening;
    tls?: { key: string | Buffer; cert: string | Buffer };
    /** What its authorization server wants to see; without, anybody gets a token. */
    authorization?: string;
  } = {},
) {
  const manifest = JSON.stringify(
    change.manifest ?? {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.example.plugin',
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${digestOf('{}')}`, size: 2 },
      layers: [
        {
          mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
          digest: `sha256:${digestOf(layer)}`,
          size: layer.length,
        },
      ],
    },
  );
  const token = change.authorization === undefined ? 'for-anybody' : 'for-some';
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const base = `${change.tls === undefined ? 'http' : 'https'}://${request.headers.host}`;
    if (pathname === '/token') {
      const right =
        searchParams.get('scope') === 'repository:plugins/review:pull' &&
        searchParams.get('service') === 'test' &&
        request.headers.authorization === change.authorization;
      response.writeHead(right ? 200 : 403).end(JSON.stringify({ token }));
    } else if (pathname === '/storage') {
      response.writeHead(request.headers.authorization === undefined ? 200 : 400).end(change.served ?? layer);
    } else if (request.headers.authorization !== `Bearer ${token}`) {
      const challenge = `Bearer realm="${base}/token",service="test",scope="repository:plugins/review:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    } else if (pathname === `/v2/plugins/review/manifests/sha256:${digestOf(manifest)}`) {
      const wanted = request.headers.accept?.includes('application/vnd.oci.image.manifest.v1+json') === true;
      response
        .writeHead(wanted ? 200 : 404, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
        .end(manifest);
    } else if (pathname === `/v2/plugins/review/blobs/sha256:${digestOf(layer)}`) {
      response.writeHead(307, { location: '/storage' }).end();
    } else response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
  };
  const server = change.tls === undefined ? createServer(answer) : createTlsServer(change.tls, answer);
  const host = await listen(server, change.at);
  return {
    reference: `${host}/plugins/review`,
    digest: digestOf(manifest),
    close: () => close(server),
  };
}

/** Answers the host and the port. */
async function listen(server: Server, { address, port, host }: Listening = loopback): Promise<string> {
  server.listen(port, address);
  await once(server, 'listening');
  return `${host}:${(server.address() as AddressInfo).port}`;
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
}
