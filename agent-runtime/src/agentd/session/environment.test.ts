// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's
import { afterEach, expect, it } from 'vitest';
import { HookedAgent } from '../testing/hooked-agent.ts';
import { eventually } from '../testing/workspace.ts';

let agent: HookedAgent;
afterEach(() => agent.close());

const hook = (...commands: string[]) => [
  { hooks: commands.map((command) => ({ type: 'command', command })) },
];
const file = '"$CLAUDE_ENV_FILE"';

it('what hooks of SessionStart write to CLAUDE_ENV_FILE is there for commands, in the background too, and after a restart', async () => {
  agent = await HookedAgent.start({
    SessionStart: [
      {
        matcher: 'startup',
        hooks: [
          {
            type: 'command',
            command: `echo 'export FIRST="a b"; SECOND=two' >> ${file}; echo 'export PATH="$HOME/tool:$PATH"' >> ${file}`,
          },
          { type: 'command', command: `printf 'export THIRD=%s\\n' "'x\ny'" >> ${file}` },
        ],
      },
    ],
    // Nobody else has the file.
    UserPromptSubmit: hook('echo "${CLAUDE_ENV_FILE-none}" > seen'),
  });
  await agent.workspace.put('tool/mine', '#!/bin/sh\necho mine\n');
  await agent.send('run: chmod +x tool/mine; mine; echo "$FIRST $SECOND"; echo "$THIRD"');
  const printed = async () => (await agent.results()).at(-1)?.content;
  expect(await printed()).toBe('mine\na b two\nx\ny');
  expect(await agent.text('seen')).toBe('none\n');
  const command = '(echo "$FIRST"; mine) >> behind; sleep 60';
  await agent.send(`tool Bash ${JSON.stringify({ command, run_in_background: true, restartable: true })}`);
  const behind = (times: number) =>
    eventually(
      () => agent.text('behind'),
      (text) => text === 'a b\nmine\n'.repeat(times),
    );
  await behind(1);
  await agent.restart({ whole: true });
  await behind(2);
  await agent.send('run: echo "again $FIRST"');
  expect(await printed()).toBe('again a b');
});

it('what hooks of CwdChanged write counts until the next change, and before the next command', async () => {
  agent = await HookedAgent.start({
    SessionStart: hook(`echo 'export PLACE=home KEPT=yes' > ${file}`),
    CwdChanged: hook(`[ ! -e .place ] || cat .place > ${file}`),
  });
  await agent.workspace.put('sub/.place', 'export PLACE=sub');
  await agent.send('run: cd sub\nrun: echo $PLACE $KEPT\nrun: cd ..\nrun: echo $PLACE $KEPT');
  const printed = (await agent.results()).map(({ content }) => content);
  expect(printed).toEqual(['(no output)', 'sub yes', '(no output)', 'home yes']);
});

it('hooks add to what the ones before them set, and those of a folder to those of the start', async () => {
  const more = (name: string) => `echo 'export PATH="$HOME/${name}:$PATH"' >> ${file}`;
  agent = await HookedAgent.start({ SessionStart: hook(more('a'), more('b')), CwdChanged: hook(more('c')) });
  await agent.send('run: mkdir sub; cd sub\nrun: echo $PATH');
  const { home } = agent.workspace;
  expect((await agent.results()).at(-1)?.content).toMatch(`${home}/c:${home}/b:${home}/a:`);
  // Nobody is left to set anything for the next folder.
  await agent.workspace.put('.claude/settings.json', '{}');
  await agent.send('run: cd ..\nrun: echo $PATH');
  expect((await agent.results()).at(-1)?.content).not.toContain(`${home}/c`);
});

it.each([
  ['exit 0', 'export A=1; exit 0'],
  ['set -eu; false', 'export A=1; set -eu; false'],
  ['a word on its standard error', 'export A=1; echo loading >&2'],
  ['no PATH', 'export A=1; unset PATH'],
])('a file with %s counts as far as it comes', async (_, text) => {
  agent = await HookedAgent.start({ SessionStart: hook(`echo '${text}' > ${file}; echo ${file} > name`) });
  await agent.send('run: echo "$A"; cat "$(cat name)"');
  const [{ content }] = (await agent.results()) as [{ content: string }];
  expect(content).toMatch(/^1\n/);
  expect(content).toContain('No such file');
});

it('a subagent has the variables of the session that called it', async () => {
  agent = await HookedAgent.start({ SessionStart: hook(`echo 'export FROM=above' > ${file}`) });
  const task = { description: 'say it', prompt: 'run: echo $FROM', subagent_type: 'general-purpose' };
  await agent.send(`tool Agent ${JSON.stringify(task)}`);
  expect(JSON.stringify(await agent.results())).toContain('above');
});

it.each([
  [
    'what bash reads lines by, where the home is, and what is the platform’s',
    'export IFS=x BASH_ENV=x HOME=/x CDPATH=x HTTPS_PROXY=x DORMOUSE_X=x PS4=x GOOD=yes',
    'yes',
  ],
  ['functions', 'ls() { echo mine; }; export -f ls; export GOOD=yes', 'yes'],
])('but not %s', async (_, line, good) => {
  agent = await HookedAgent.start({ SessionStart: hook(`echo '${line}' > ${file}`) });
  await agent.send('run: [ "$HOME" != /x ] && ls > /dev/null && env | grep -E "=x$|mine" ; echo $GOOD');
  expect((await agent.results())[0].content).toBe(good);
});

it.each([
  ['broken', "echo 'export A=\"' >", /is broken: .*unexpected EOF/],
  ['endless', "echo 'export A=$(printf %20000d 1)' >", /more than 16384 characters/],
])('a person is told of a file that is %s, and nothing of it counts', async (_, write, why) => {
  agent = await HookedAgent.start({ SessionStart: hook(`${write} ${file}`) });
  await agent.send('run: echo "${A-unset}"');
  expect((await agent.results())[0].content).toBe('unset');
  const said = (await agent.agent.transcript()).flatMap((entry) => entry.hooks?.messages ?? []);
  expect(said.join()).toMatch(why);
});
