import { bytesResult } from '../../protocol/tools-api.ts';
import { ToolRefused, type ToolsClient } from '../tools/tools-client.ts';
import { readObjects, treeOfCommit } from './git-objects.ts';
import { PluginError, type PluginTree } from './tree.ts';

const timeoutMs = 120_000;
/** What agentd takes of a file in one answer. */
const mostBytes = 10 * 1024 * 1024;

/**
 * Fetches a commit with git in the workspace's container, by the workspace's way out of the network, and verifies what came: the
 * container is not trusted with more than the bytes. Throws `PluginError`; rejects as `ToolsClient` does.
 */
export async function fetchGit(
  { url, commit, path = '' }: { url: string; commit: string; path?: string | undefined },
  client: ToolsClient,
  signal: AbortSignal,
): Promise<PluginTree> {
  let printed = '';
  const exit = await client.exec(
    { command: script(url, commit, path), timeoutMs },
    (text) => {
      printed = (printed + text).slice(-4_000);
    },
    { signal },
  );
  const [, file] = /\nobjects: (\/\S+)\n$/.exec(`\n${printed}`) ?? [];
  if (exit.timedOut) throw new PluginError(`git did not fetch ${url} within ${timeoutMs / 1000} s`);
  if (exit.code !== 0 || file === undefined)
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

/** Prints the name of a file with the commit, the folders on the way to `path`, and all below it, as `git cat-file --batch` has them. */
function script(url: string, commit: string, path: string): string {
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
git fetch -q --no-tags --depth 1 -- ${quoted(url)} ${commit} 2>&1
{ printf '%s\\n' ${wanted.map(quoted).join(' ')}; git ls-tree -r -t ${quoted(`${commit}:${steps.join('/')}`)} | awk '$2 != "commit" { print $3 }'; } > wanted
git cat-file --batch < wanted > "$objects"
echo "objects: $objects"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
