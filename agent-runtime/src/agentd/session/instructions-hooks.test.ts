import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { command, HookedAgent } from '../testing/hooked-agent.ts';
import { eventually, type Json } from '../testing/workspace.ts';

const log = '"$CLAUDE_PROJECT_DIR"/log';
const tell = command(`line=$(cat); echo "$line" >> ${log}`);

describe('InstructionsLoaded', () => {
  let agent: HookedAgent;
  afterEach(() => agent.close());

  /** What hooks have been told since `from`, without their common fields and in the order of paths. */
  const told = async (from: number, count: number): Promise<Json[]> => {
    const lines = await eventually(
      () => agent.told('log'),
      (found) => found.length >= from + count,
    );
    return lines
      .slice(from)
      .map(({ file_path, memory_type, load_reason, globs, trigger_file_path, parent_file_path }) => ({
        ...{ file_path, memory_type, load_reason },
        ...(globs && { globs }),
        ...(trigger_file_path && { trigger_file_path }),
        ...(parent_file_path && { parent_file_path }),
      }))
      .sort((a, b) => a.file_path.localeCompare(b.file_path));
  };
  const at = (...path: string[]) => join(agent.workspace.home, ...path);
  const put = (path: string, text: string) => agent.workspace.put(path, text);

  it('tells of each file that opens the conversation, once, and again after a summary and a restart', async () => {
    agent = await HookedAgent.start({ InstructionsLoaded: tell });
    await put('CLAUDE.md', 'Project.\n@more.md');
    await put('more.md', 'More.');
    await put('CLAUDE.local.md', 'Mine.');
    await put('.claude/CLAUDE.md', 'Of the user.');
    await put('.claude/rules/ts.md', '---\npaths: "**/*.ts"\n---\nOnly for some.');
    await agent.send('remember: one');
    const opening = (load_reason: string) => [
      { file_path: at('.claude/CLAUDE.md'), memory_type: 'User', load_reason },
      { file_path: at('CLAUDE.local.md'), memory_type: 'Local', load_reason },
      { file_path: at('CLAUDE.md'), memory_type: 'Project', load_reason },
      {
        file_path: at('more.md'),
        memory_type: 'Project',
        load_reason: 'include',
        parent_file_path: at('CLAUDE.md'),
      },
    ];
    const sorted = (lines: Json[]) => lines.sort((a, b) => a.file_path.localeCompare(b.file_path));
    expect(await told(0, 4)).toEqual(sorted(opening('session_start')));
    await agent.send('say: not again');
    await agent.send('/compact');
    expect(await told(4, 4)).toEqual(sorted(opening('compact')));
    await agent.restart();
    await agent.send('say: again');
    expect(await told(8, 4)).toEqual(sorted(opening('session_start')));
  });

  it('tells of what the work leads to, and by which file', async () => {
    agent = await HookedAgent.start({
      InstructionsLoaded: [
        { matcher: 'nested_traversal|path_glob_match', hooks: tell.flatMap((it: Json) => it.hooks) },
      ],
    });
    await put('CLAUDE.md', 'Project.');
    await put('.claude/rules/ts.md', '---\npaths: ["src/**/*.ts", "*.js"]\n---\nTypes.');
    await put('sub/CLAUDE.md', 'Nested.');
    await put('deep/AGENTS.md', 'Not theirs.');
    await put('src/a.ts', '1');
    await put('sub/b.txt', '2');
    await put('deep/c.txt', '3');
    await agent.send('read src/a.ts\nread deep/c.txt\nread sub/b.txt\nread sub/b.txt');
    expect(await told(0, 2)).toEqual([
      {
        ...{ file_path: at('.claude/rules/ts.md'), memory_type: 'User', load_reason: 'path_glob_match' },
        ...{ globs: ['src/**/*.ts', '*.js'], trigger_file_path: at('src/a.ts') },
      },
      {
        ...{ file_path: at('sub/CLAUDE.md'), memory_type: 'Project', load_reason: 'nested_traversal' },
        trigger_file_path: at('sub/b.txt'),
      },
    ]);
  });
});
