import { pipeEvent } from '../../protocol/pipes.ts';
import { bytesResult } from '../../protocol/tools-api.ts';

import { readNdjson, ToolRefused, type ToolsClient } from '../tools/tools-client.ts';
import { boundedBytes } from './bounded-bytes.ts';
import { adviceOn, type Relay } from './fetch-oci.ts';
import { packOf } from './git-answer.ts';
import { readObjects, treeOfCommit } from './git-objects.ts';
import { PluginError, type PluginTree } from './tree.ts';

const timeoutMs = 120_000;
/** What agentd takes of a file in one answer. */
const mostBytes = 10 * 1024 * 1024;
/** Of a pack that the gateway fetches, with all files of the repository: it passes through this daemon. */
const mostPackBytes = 16 * 1024 * 1024;

/**
 * Fetches a commit with git in the workspace's container, by the workspace's way out of the network, and verifies what came: the
 * container is not trusted with more than the bytes. With `relay` the gateway asks the server, and git only unpacks what it answered. Throws `PluginError`; rejects as `ToolsClient` does.
 */
export async function fetchGit(
  { url, commit, path = '' }: { url: string; commit: string; path?: string | undefined },
  client: ToolsClient,
  signal: AbortSignal,
  relay?: Relay,
): Promise<PluginTree> {
  const { exit, printed } =
    relay === undefined
      ? await run(
          client,
          script(`git fetch -q --no-tags --depth 1 -- ${quoted(url)} ${commit} 2>&1`, commit, path),
          signal,
        )
      : await unpack(
          client,
          script('git index-pack --stdin 2>&1 >/dev/null', commit, path),
          await packFrom(url, relay, signal),
          signal,
        );
  const [, file] = /\nobjects: (\/\S+)\n$/.exec(`\n${printed}`) ?? [];
  if (exit === undefined) throw new PluginError(`git did not fetch ${url} within ${timeoutMs / 1000} s`);
  if (exit !== 0 || file === undefined)
    throw new PluginError(`git cannot fetch ${commit} of ${url}: ${printed.trim().slice(-1_000)}`);
  try {
    const { base64 } = await client.call(
      'POST',
      '/files/bytes',
      { path: file, maxBytes: mostBytes },
      bytesResult,
      { signal },
    );
    return treeOfCommit(readObjects(Buffer.from(base64, 'base64')), commit, path);
  } catch (error) {
    if (error instanceof ToolRefused)
      throw new PluginError(`what git fetched cannot be read: ${error.message}`);
    throw error;
  } finally {
    await client
      .exec({ command: `rm -f -- ${quoted(file)}`, timeoutMs: 10_000 }, () => undefined, { signal })
      .catch(() => undefined);
  }
}

/** What a script printed in the end, and its exit code: undefined where it took too long. */
interface Ended {
  exit: number | null | undefined;
  printed: string;
}

async function run(client: ToolsClient, command: string, signal: AbortSignal): Promise<Ended> {
  let printed = '';
  const show = (text: string) => {
    printed = (printed + text).slice(-4_000);
  };
  const { code, timedOut } = await client.exec({ command, timeoutMs }, show, { signal });
  return { exit: timedOut ? undefined : code, printed };
}

/** Runs a script with the pack as its standard input. */
async function unpack(
  client: ToolsClient,
  command: string,
  pack: Buffer,
  signal: AbortSignal,
): Promise<Ended> {
  const ended: Ended = { exit: undefined, printed: '' };
  const limit = AbortSignal.timeout(timeoutMs);
  const head = { command: 'bash', args: ['-c', command] };
  const options = { body: pack, timeoutMs: 0, signal: AbortSignal.any([signal, limit]) };
  try {
    const { answer } = await client.converse('/pipes', head, options);
    await readNdjson(answer, pipeEvent, (event) => {
      if (event.type === 'exit') ended.exit = event.code;
      else if (event.type === 'output') ended.printed = (ended.printed + event.text).slice(-4_000);
    });
  } catch (error) {
    if (!limit.aborted) throw error;
  }
  return ended;
}

async function packFrom(url: string, relay: Relay, signal: AbortSignal): Promise<Buffer> {
  try {
    const response = await relay('pack', AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
    if (response.status === 200) return packOf(await boundedBytes(response, mostPackBytes));
    await response.body?.cancel();
    throw new PluginError(`${url} answered ${response.status}${adviceOn(response.status, relay)}`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PluginError) throw error;
    throw new PluginError(`${url} cannot be fetched: ${(error as Error).message}`);
  }
}

/** Fetches, and prints the name of a file with the commit, the folders on the way to `path`, and all below it, as `git cat-file --batch` has them. */
function script(fetch: string, commit: string, path: string): string {
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  const above = steps.map((_, at) => `:${steps.slice(0, at).join('/')}`);
  const wanted = [commit, ...[...above, `:${steps.join('/')}`].map((place) => `${commit}${place}`)];
  return `set -e
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=$(mktemp --suffix=.objects)
cd "$work"
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 HOME="$work"
git init -q --bare --object-format=${commit.length === 64 ? 'sha256' : 'sha1'} .
${fetch}
git cat-file -e ${commit} 2>/dev/null || { echo 'the server answered without that commit'; exit 1; }
{ printf '%s\\n' ${wanted.map(quoted).join(' ')}; git ls-tree -r -t ${quoted(`${commit}:${steps.join('/')}`)} | awk '$2 != "commit" { print $3 }'; } > wanted
git cat-file --batch < wanted > "$objects"
echo "objects: $objects"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
