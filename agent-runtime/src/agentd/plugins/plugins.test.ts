import { execFileSync } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PluginConfig, PluginSource, PluginState } from '../../protocol/plugins.ts';
import {
  archiveOf,
  digestOf,
  type Files,
  gitServer,
  registry,
  writeFiles,
} from '../testing/plugin-sources.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { ToolsClient } from '../tools/tools-client.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;
const servers: { close(): Promise<void> }[] = [];

async function prepare(permissions: Partial<TestWorkspace['config']['permissions']> = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
}
async function start(...plugins: (Omit<PluginConfig, 'config'> & Partial<PluginConfig>)[]): Promise<void> {
  workspace.config.plugins = plugins.map((plugin) => ({ config: {}, ...plugin }));
  agent = await workspace.start(model);
}
afterEach(async () => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) await server.close();
  await endTools();
  await workspace.close();
});

let count = 0;
async function tell(text: string): Promise<string> {
  count += 1;
  await agent.send(`p${count}`, text);
  const record = await agent.settled(`p${count}`);
  if (record.reply === undefined) throw new Error(`no reply: ${JSON.stringify(record)}`);
  return record.reply.text;
}
const useSkill = (skill: string, args = '') => `tool Skill ${JSON.stringify({ skill, args })}`;
const opening = () => model.texts(0).slice(0, -1).join('\n');
const settled = async (): Promise<PluginState[]> =>
  (await agent.stateWhen(({ plugins }) => plugins.every(({ status }) => status !== 'Pending'))).plugins;
const installed = (name: string) => readdir(join(workspace.state, 'plugins', name)).catch(() => []);

/** A variable as files of plugins name it. */
const v = (name: string) => `\${${name}}`;

/** A plugin with a part of every kind. */
const review: Files = {
  '.claude-plugin/plugin.json': JSON.stringify({
    name: 'review',
    version: '1.2.0',
    userConfig: {
      team: { type: 'string', description: 'Whose rules', default: 'core' },
      strict: { type: 'boolean', description: 'How' },
    },
  }),
  'skills/check/SKILL.md': `---\ndescription: Checks.\n---\nCHECK $0 for ${v('user_config.team')} in ${v('CLAUDE_PLUGIN_ROOT')} and ${v('CLAUDE_PLUGIN_DATA')}`,
  'commands/front/page.md': 'say: a page of $0',
  'agents/reader.md': `---\nname: reader\ndescription: Reads.\ntools: Read\npermissionMode: plan\n---\nREADER of ${v('user_config.team')}`,
  'hooks/hooks.json': JSON.stringify({
    hooks: {
      UserPromptSubmit: [
        {
          hooks: [
            {
              type: 'command',
              command: `"${v('CLAUDE_PLUGIN_ROOT')}"/hooks/note.sh ${v('user_config.team')}`,
            },
          ],
        },
      ],
    },
  }),
  'hooks/note.sh':
    '#!/bin/bash\necho "hook of $1, $CLAUDE_PLUGIN_OPTION_TEAM, data in $CLAUDE_PLUGIN_DATA"\n',
  '.mcp.json': JSON.stringify({
    mcpServers: {
      none: { command: `${v('CLAUDE_PLUGIN_ROOT')}/no-such-program`, args: [`${v('user_config.team')}`] },
    },
  }),
};

async function usesEveryPart(): Promise<void> {
  const [state] = await settled();
  expect(state).toEqual({ name: 'review', status: 'Loaded', version: '1.2.0', problems: [] });
  const text = await tell(useSkill('review:check', 'this'));
  const data = join(workspace.home, '.claude/plugins/data/review');
  expect(text).toMatch(/CHECK this for web in \S*review\S* and /);
  expect(text).toContain(data);
  expect(opening()).toContain('- review:check: Checks.');
  expect(opening()).toContain('- review:reader: Reads. (Tools: Read)');
  const sent = JSON.stringify(model.requests.at(-1)?.messages);
  expect(sent).toContain(`hook of web, web, data in ${data}`);
  expect(sent).toContain('plugin_review_none');
  expect(await tell('/review:front:page two')).toContain('a page of two');
  const task = { description: 'read', prompt: 'say: read it', subagent_type: 'review:reader' };
  expect(await tell(`tool Agent ${JSON.stringify(task)}`)).toContain('read it');
  const systems = model.requests.map(({ system }) => system).join('\n');
  expect(systems).toContain('READER of web');
}

describe('a plugin', () => {
  it('of a ConfigMap that is mounted brings skills, commands, subagents, hooks and servers', async () => {
    await prepare();
    const { bytes, digest } = await archiveOf(review);
    await writeFiles(join(workspace.folder, 'archives/review'), {});
    await writeFiles(workspace.folder, { 'archives/review/.keep': '' });
    await writeFile(join(workspace.folder, 'archives/review/plugin.tar.gz'), bytes);
    await start({ name: 'review', source: { kind: 'configMap', digest }, config: { team: 'web' } });
    await usesEveryPart();
    const [pin] = await installed('review');
    const script = await stat(join(workspace.state, 'plugins/review', pin ?? '', 'hooks/note.sh'));
    expect(script.mode & 0o777).toBe(0o750);
    // It is on the volume: a later start needs no source.
    await agent.stop();
    await rm(join(workspace.folder, 'archives'), { recursive: true });
    await start({ name: 'review', source: { kind: 'configMap', digest }, config: { team: 'web' } });
    expect((await settled())[0]?.status).toBe('Loaded');
  });

  it.each(['sha1', 'sha256'] as const)(
    'of a git repository (%s) is a commit of it, verified',
    async (format) => {
      await prepare();
      const server = await gitServer(join(workspace.folder, 'repository'), format);
      servers.push(server);
      const inside = Object.fromEntries(
        Object.entries(review).map(([path, text]) => [`plugins/review/${path}`, text]),
      );
      const commit = await server.commit({ ...inside, 'README.md': 'top' });
      await server.commit({ 'plugins/review/skills/check/SKILL.md': '---\ndescription: Later.\n---\nLATER' });
      await start({
        name: 'review',
        source: { kind: 'git', url: server.url, commit, path: 'plugins/review' },
        config: { team: 'web' },
      });
      await usesEveryPart();
    },
  );

  it('of a registry is an artifact by its digest, verified', async () => {
    await prepare();
    const server = await registry((await archiveOf(review)).bytes);
    servers.push(server);
    const { reference, digest } = server;
    await start({ name: 'review', source: { kind: 'oci', reference, digest }, config: { team: 'web' } });
    await usesEveryPart();
  });

  it('of the volume is read as it is, and has no more rights than other files there', async () => {
    await prepare({ mode: 'default' });
    await writeFiles(join(workspace.home, 'mine'), review);
    await start({ name: 'review', source: { kind: 'path', path: '~/mine' }, config: { team: 'web' } });
    expect((await settled())[0]?.status).toBe('Loaded');
    expect(await tell(useSkill('review:check', 'this'))).toContain('CHECK this for web');
    const sent = JSON.stringify(model.requests.at(-1)?.messages);
    expect(sent).toContain('no rule permits its command');
    expect(sent).not.toContain('hook of web');
    expect(sent).toContain('plugin_review_none');
    await writeFiles(join(workspace.home, 'mine'), {
      'skills/check/SKILL.md': '---\ndescription: New.\n---\nNEW',
    });
    expect(await tell(useSkill('review:check'))).toContain('NEW');
    expect(await installed('review')).toEqual([]);
  });

  it('is described with what it brings, and with what is wrong in it', async () => {
    await prepare();
    await writeFiles(join(workspace.home, 'mine'), {
      ...review,
      'hooks/hooks.json':
        '{"hooks": {\n"Stop": [{"hooks": [{"type": "command", "command": "true"}]}],\n"Never": []\n}}',
    });
    await start(
      { name: 'review', source: { kind: 'path', path: '~/mine' } },
      { name: 'gone', source: { kind: 'path', path: '~/gone' } },
    );
    const { status, body } = await agent.call('GET', '/v1/plugins');
    expect(status).toBe(200);
    expect(body).toEqual([
      {
        ...{ name: 'review', status: 'Loaded', version: '1.2.0' },
        problems: [expect.stringMatching(/mine\/hooks\/hooks\.json:3: there is no event Never here/)],
        components: {
          skills: ['review:check'],
          commands: ['review:front:page'],
          agents: ['review:reader'],
          hooks: ['Stop'],
          mcpServers: ['plugin_review_none'],
        },
      },
      { name: 'gone', status: 'Failed', problems: [expect.stringContaining('there is no such folder')] },
    ]);
  });

  it('has a manifest that is read once, where it is pinned, and once in a turn, where it is not', async () => {
    await prepare();
    const files = { 'skills/check/SKILL.md': '---\ndescription: Checks.\n---\nCHECK' };
    const manifest = (name: string, version: string) => JSON.stringify({ name, version });
    const server = await gitServer(join(workspace.folder, 'repository'));
    servers.push(server);
    const commit = await server.commit({ '.claude-plugin/plugin.json': manifest('pinned', '1'), ...files });
    const ofHome = (version: string) =>
      writeFiles(join(workspace.home, 'mine'), {
        '.claude-plugin/plugin.json': manifest('mine', version),
        ...files,
      });
    await ofHome('1');
    const collect = vi.spyOn(ToolsClient.prototype, 'collect');
    /** Since it was last asked. */
    const reads = (name: string) => {
      const asked = collect.mock.calls.flatMap(([{ files }]) => files);
      return asked.filter((file) => new RegExp(`/${name}/.*plugin\\.json$`).test(file)).length;
    };
    await start(
      { name: 'pinned', source: { kind: 'git', url: server.url, commit } },
      { name: 'mine', source: { kind: 'path', path: '~/mine' } },
    );
    await settled();
    expect([reads('pinned'), reads('mine')]).toEqual([1, 1]);
    collect.mockClear();
    expect(await tell(useSkill('mine:check'))).toContain('CHECK');
    expect([reads('pinned'), reads('mine')]).toEqual([0, 1]);
    await ofHome('2');
    collect.mockClear();
    expect(await tell(useSkill('pinned:check'))).toContain('CHECK');
    expect([reads('pinned'), reads('mine')]).toEqual([0, 1]);
    expect((await settled()).map(({ version }) => version)).toEqual(['1', '2']);
  });

  it('that is pinned anew replaces the earlier one, and one that is taken out goes', async () => {
    await prepare();
    const server = await gitServer(join(workspace.folder, 'repository'));
    servers.push(server);
    const skill = (text: string) => ({ 'skills/check/SKILL.md': `---\ndescription: x\n---\n${text}` });
    const source = (commit: string): PluginSource => ({ kind: 'git', url: server.url, commit });
    const first = await server.commit(skill('FIRST'));
    const second = await server.commit(skill('SECOND'));
    await start({ name: 'plain', source: source(first) });
    expect(await tell(useSkill('plain:check'))).toContain('FIRST');
    const configure = async (plugins: PluginConfig[]) => {
      const config = { ...workspace.config, plugins, revision: `r${plugins.length}${plugins[0]?.name}` };
      expect((await agent.call('PUT', '/v1/config', { config })).status).toBeLessThan(300);
    };
    await configure([{ name: 'plain', source: source(second), config: {} }]);
    expect(await tell(useSkill('plain:check'))).toContain('SECOND');
    expect(await installed('plain')).toHaveLength(1);
    await configure([]);
    expect(await tell(useSkill('plain:check'))).toContain('There is no skill plain:check');
    expect(await readdir(join(workspace.state, 'plugins'))).toEqual([]);
  });
});

describe('a plugin that cannot be had', () => {
  /** Its state, with the model told of it and the work going on. */
  async function refused(
    name: string,
    source: PluginSource,
    config: Record<string, string> = {},
  ): Promise<string> {
    await start({ name, source, config });
    const [state] = await settled();
    expect(state?.status).toBe('Failed');
    expect(await tell('say: works')).toBe('works');
    const problem = state?.problems.join(' ') ?? '';
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain(
      JSON.stringify(problem).slice(1, -1).slice(0, 60),
    );
    await agent.stop();
    return problem;
  }
  const mount = async (bytes: Buffer) => {
    await writeFiles(workspace.folder, { 'archives/review/.keep': '' });
    await writeFile(join(workspace.folder, 'archives/review/plugin.tar.gz'), bytes);
  };

  it('is named with what to do: no ConfigMap, another digest, no archive, what must not be in one', async () => {
    await prepare();
    const digest = '0'.repeat(64);
    expect(await refused('review', { kind: 'configMap', digest })).toContain('is not there');
    await mount(Buffer.from('no archive'));
    expect(await refused('review', { kind: 'configMap', digest })).toContain('not the one that is pinned');
    const hashOf = async () =>
      digestOf(await readFile(join(workspace.folder, 'archives/review/plugin.tar.gz')));
    expect(await refused('review', { kind: 'configMap', digest: await hashOf() })).toContain(
      'not compressed by gzip',
    );
    const link = 'cd $(mktemp -d) && ln -s /etc/passwd link && tar -czf - link';
    await mount(execFileSync('bash', ['-c', link]));
    expect(await refused('review', { kind: 'configMap', digest: await hashOf() })).toContain(
      'link is no regular file',
    );
    const above = 'cd $(mktemp -d) && echo x > x && tar -czPf - --transform "s,x,../../x," x';
    await mount(execFileSync('bash', ['-c', above]));
    expect(await refused('review', { kind: 'configMap', digest: await hashOf() })).toContain(
      'a path that is not accepted',
    );
    const bomb = 'cd $(mktemp -d) && truncate -s 200M zeros && tar -czf - zeros';
    await mount(execFileSync('bash', ['-c', bomb]));
    expect(await refused('review', { kind: 'configMap', digest: await hashOf() })).toMatch(
      /more than \d+ bytes/,
    );
    expect(await installed('review')).toEqual([]);
  });

  it('is named with its file and line where its manifest or its options are wrong', async () => {
    await prepare();
    const put = (text: string) =>
      writeFiles(join(workspace.home, 'mine'), { '.claude-plugin/plugin.json': text });
    const source: PluginSource = { kind: 'path', path: 'mine' };
    expect(await refused('mine', source)).toContain('there is no such folder');
    await put('{\n"name": "mine",\n}');
    expect(await refused('mine', source)).toMatch(/plugin\.json:3: it is no JSON/);
    await put('{\n"name": "mine",\n"commands": "../out"\n}');
    expect(await refused('mine', source)).toMatch(/plugin\.json:3: commands.*must begin with \.\//);
    await put('{"name": "other"}');
    expect(await refused('mine', source)).toContain('it is called other, and mine in spec.plugins');
    await put('{"name": "mine", "userConfig": {"port": {"type": "number", "required": true}}}');
    expect(await refused('mine', source)).toContain('the option port must be set');
    expect(await refused('mine', source, { port: 'x' })).toContain('the option port must be a number');
    expect(await refused('mine', source, { port: '1', more: 'x' })).toContain(
      'has no option more; it has: port',
    );
    expect(await refused('mine', { kind: 'path', path: '/etc' })).toContain('outside');
  });

  it('is named where a commit is not what was named, or has links', async () => {
    await prepare();
    const server = await gitServer(join(workspace.folder, 'repository'));
    servers.push(server);
    const commit = await server.commit({ 'skills/a/SKILL.md': 'A' });
    const git = (more: Partial<Extract<PluginSource, { kind: 'git' }>>): PluginSource => ({
      ...{ kind: 'git', url: server.url, commit },
      ...more,
    });
    expect(await refused('a', git({ commit: '1'.repeat(40) }))).toContain('git cannot fetch');
    expect(await refused('a', git({ path: 'none' }))).toMatch(/git cannot fetch|has no folder none/);
    await server.git(
      'update-index',
      '--add',
      '--cacheinfo',
      `120000,${await server.git('rev-parse', 'HEAD:skills/a/SKILL.md')},link`,
    );
    await server.git('commit', '-q', '-m', 'a link');
    expect(await refused('a', git({ commit: await server.git('rev-parse', 'HEAD') }))).toContain(
      'link is a symbolic link',
    );
  });

  it('is named where an artifact is not what was named', async () => {
    await prepare();
    const { bytes } = await archiveOf(review);
    const broken = await registry(bytes, { served: Buffer.from('other') });
    servers.push(broken);
    const { reference, digest } = broken;
    expect(await refused('review', { kind: 'oci', reference, digest })).toContain(
      'not the one that is pinned',
    );
    expect(await refused('review', { kind: 'oci', reference, digest: '1'.repeat(64) })).toContain(
      'answered 404',
    );
    const index = await registry(bytes, { manifest: { schemaVersion: 2, manifests: [] } });
    servers.push(index);
    expect(await refused('review', { kind: 'oci', ...index })).toContain('the digest is that of no artifact');
  });
});
