/**
 * Bundles the programs into dist/, one file each, with everything they import inside, and compiles those that are written
 * in Go. `npm run build`, or with names: `node hack/build.ts operator agentd`.
 *
 * The same sources give the same bytes: paths are relative to the checkout, and nothing of the time or the machine
 * gets in. One file instead of node_modules also starts faster: agentd's imports took 203 ms bundled, where Node alone
 * takes 34 ms (Node 26, 2 cores). Node's compile cache would save another 25 ms, but its files differ from run to run, and
 * the same commit would no longer be the same image.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';

const root = dirname(import.meta.dirname);

interface Program {
  entry: string;
  /** The oldest Node.js that it shall run on. Default: that of the images. */
  target?: string;
  /** The name of a file that a person starts by itself and puts where they like; its entry begins with `#!`. Default: main.js. */
  executable?: string;
}

interface Compiled {
  /** Of a Go module. */
  folder: string;
  /** A package of it, or of what it requires. */
  of: string;
  tags?: string;
}

/** Programs that are compiled. */
const compiled: Record<string, Compiled> = {
  'terminal-host': { folder: 'agent-runtime/terminal-host', of: '.' },
  // The tag is restic's own: without it the program is 12 MB larger.
  restic: {
    folder: 'agent-runtime/archive-engine',
    of: 'github.com/restic/restic/cmd/restic',
    tags: 'disable_grpc_modules',
  },
};

const programs: Record<string, Program> = {
  operator: { entry: 'operator/src/main.ts' },
  gateway: { entry: 'gateway/src/main.ts' },
  agentd: { entry: 'agent-runtime/src/agentd/main.ts' },
  archiver: { entry: 'agent-runtime/src/archiver/main.ts' },
  workspaced: { entry: 'agent-runtime/src/workspaced/main.ts' },
  dormouse: { entry: 'cli/src/main.ts', target: 'node22.19', executable: 'dormouse.js' },
  'model-server': { entry: 'test/support/model-server/main.ts' },
};

/**
 * The package does not declare that importing it does nothing, so everything that its index names would be inside: a
 * client of each API group, 5 of the operator's 8 MB, of which it uses the reader of kubeconfigs.
 */
const unusedClients: Plugin = {
  name: 'unused-clients',
  setup({ onResolve, resolve }) {
    const marker = { unusedClients: true };
    onResolve({ filter: /^(@kubernetes\/client-node$|\.)/ }, async ({ path, pluginData, ...from }) => {
      const concerned = path.startsWith('@') || from.importer.includes('/@kubernetes/client-node/');
      if (!concerned || pluginData === marker) return undefined;
      const { kind, importer, resolveDir } = from;
      const result = await resolve(path, { kind, importer, resolveDir, pluginData: marker });
      return { ...result, sideEffects: false };
    });
  },
};

/** All that zod would say in fifty other languages: a third of workspaced. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

/** The validator that a client of MCP takes where it is given none, as ours is: a tenth of agentd. */
const ownValidator: Plugin = {
  name: 'own-validator',
  setup({ onLoad }) {
    onLoad({ filter: /\/@modelcontextprotocol\/client\/dist\/shimsNode\.mjs$/ }, () => ({
      contents: `export const CORS_IS_POSSIBLE = false;
export class DefaultJsonSchemaValidator {
  constructor() { throw new Error('no validator of JSON schemas is in this program: give one to the client'); }
}`,
    }));
  },
};

/** What a person starts with too old a Node.js says so, before anything in the file fails for a reason that says nothing. */
function refuseOlderNode(name: string, target: string): string {
  const [major, minor = 0] = target.replace('node', '').split('.').map(Number);
  const isOlder = `(([major,minor])=>major<${major}||major==${major}&&minor<${minor})(process.versions.node.split('.').map(Number))`;
  const text = `error: ${name} needs Node.js ${major}.${minor} or later; this is `;
  return `if(${isOlder}){console.error(${JSON.stringify(text)}+process.version);process.exit(1)}`;
}

/**
 * Programs are CommonJS, since a module that imports a part of Node gets all that it exports: `node:http` then brings its
 * WebSocket, and undici with it. A server of nothing else takes 63 MB as a module, and 46 so (Node 26, 2026-11).
 */
async function bundle(
  name: string,
  { entry, target = 'node26', executable = 'main.js' }: Program,
): Promise<void> {
  if (!existsSync(join(root, entry))) throw new Error(`${name}: its entry ${entry} is not there`);
  const directory = join(root, 'dist', name);
  const outfile = join(directory, executable);
  await rm(directory, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target,
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname' },
    // What is imported when it is first needed is required then, for the same reason.
    supported: { 'dynamic-import': false },
    // Whitespace and dead branches only: stack traces keep their names.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'silent',
    // ASCII, which V8 keeps in half the memory: 4 MB of what agentd takes.
    charset: 'ascii',
    plugins: [unusedClients, englishOnly, ownValidator],
    ...(target === 'node26' ? {} : { banner: { js: refuseOlderNode(name, target) } }),
  });
  if (executable !== 'main.js') await chmod(outfile, 0o755);
  // Without it Node looks for one above, and takes the checkout's word for what is none.
  await writeFile(join(directory, 'package.json'), '{"type":"commonjs"}\n');
}

/** A static program without anything of this machine in it. What Go has compiled before it does not compile again. */
async function compile(name: string, { folder, of, tags = '' }: Compiled): Promise<void> {
  const directory = join(root, 'dist', name);
  const flags = ['-trimpath', '-buildvcs=false', '-tags', tags, '-ldflags', '-s -w -buildid='];
  // What is not ours changes with the list of modules alone, and takes seconds to be linked again.
  const sums = of === '.' ? undefined : join(root, folder, 'go.sum');
  const made = join(directory, 'made-from');
  const from = sums === undefined ? undefined : `${flags.join(' ')}\n${await readFile(sums, 'utf8')}`;
  if (from !== undefined && existsSync(made) && (await readFile(made, 'utf8')) === from) return;
  await rm(directory, { recursive: true, force: true });
  try {
    await promisify(execFile)('go', ['build', ...flags, '-o', join(directory, name), of], {
      cwd: join(root, folder),
      env: { ...process.env, CGO_ENABLED: '0' },
    });
    if (from !== undefined) await writeFile(made, from);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      `${name}: there is no Go here to compile it with. Install Go 1.26 or later (https://go.dev/dl)`,
    );
  }
}

const builds: Record<string, () => Promise<void>> = {
  ...Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, () => bundle(name, program)]),
  ),
  ...Object.fromEntries(
    Object.entries(compiled).map(([name, program]) => [name, () => compile(name, program)]),
  ),
};
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in builds));
if (unknown.length > 0) {
  console.error(`error: no program ${unknown.join(', ')}; there are ${Object.keys(builds).join(', ')}`);
  process.exit(2);
}
const chosen = Object.entries(builds).filter(([name]) => wanted.length === 0 || wanted.includes(name));
const results = await Promise.allSettled(chosen.map(([, make]) => make()));
for (const result of results) {
  if (result.status === 'fulfilled') continue;
  console.error(`error: ${result.reason instanceof Error ? result.reason.message : result.reason}`);
  process.exitCode = 1;
}
