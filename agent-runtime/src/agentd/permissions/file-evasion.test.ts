// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { runBash } from './testing/run-bash.ts';

/** What `~/.env`, `~/.ssh/id_rsa` and `~/app/keys/one.pem` hold: a real bash says which attempts are ones. */
const secret = 'canary-of-the-file';
const rules = ['Read(.env)', 'Read(~/.ssh/**)', 'Read(*.pem)', 'Edit(.env)'];

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'dormouse-file-evasion-'));
  await mkdir(join(home, '.ssh'));
  await mkdir(join(home, 'app/keys'), { recursive: true });
  for (const path of ['.env', '.ssh/id_rsa', 'app/keys/one.pem'])
    await writeFile(join(home, path), `${secret}\n`);
  for (const path of ['README.md', 'app/main.ts', 'env']) await writeFile(join(home, path), 'open\n');
});
afterAll(() => rm(home, { recursive: true, force: true }));

async function shows(command: string): Promise<boolean> {
  return (await runBash(command, home, { PATH: '/usr/bin:/bin', HOME: home })).includes(secret);
}

function verdict(command: string, deny: string[] = rules): string {
  const permissions = { mode: 'bypassPermissions' as const, allow: [], ask: [], deny };
  return decide({ kind: 'bash', command }, permissions, { cwd: home, home, readable: [] }).verdict;
}

const attempts = [
  // as it is, and quoted
  ...['cat .env', 'cat ./.env', 'cat ".env"', "cat '.e'nv", 'cat .e\\nv', "cat $'.e\\x6ev'", 'cat -- .env'],
  ...['cat app/../.env', 'cat .//.env', 'cat ~/.env', 'cat README.md .env', 'head -n 1 .env', 'sed p .env'],
  // patterns
  ...['cat .en*', 'cat .e?v', 'cat .[e]nv', 'cat .[!x]nv', 'cat .[[:alpha:]]nv', 'cat .[a-z]n*', 'cat ".e"*'],
  ...[
    'cat .*v',
    'cat ./.e*',
    'cat ~/.e*',
    'cat ../*/.env',
    'cat .e*v README.md',
    'cat */../.env',
    'cat .e**',
  ],
  ...['cat .ssh/*', 'cat .s*/id_rsa', 'cat .ss?/i*', 'cat app/*/*', 'cat app/keys/*', 'cat app/*/one.*'],
  ...['cat */*/*.pem', 'cat app/keys/o*', 'cat app/keys/[no]*', 'cat < .en*', 'cat 0< .e?v', 'tail -n1 .e*'],
  'shopt -s dotglob; cat *v',
  "bash -O dotglob -c 'cat *v'",
  'shopt -s globstar; cat **/*.p*',
  // an option of the shell counts from the next line on
  'shopt -s nocaseglob\ncat .EN*',
  'GLOBIGNORE=x; cat *v',
  // braces
  ...[
    'cat .{env,x}',
    'cat {.env,README.md}',
    'cat .e{n,}v',
    'cat .en{v,}',
    'cat {x,.}{env,y}',
    'cat .{e,x}n*',
  ],
  ...[
    'cat {a..c} .env',
    'cat .{d..f}nv',
    'cat {app/../.env,x}',
    'cat {app,..}/keys/../../.env',
    "cat {'.env',x}",
  ],
  // expansions
  ...['cat $HOME/.env', 'cat "$HOME"/.env', 'cat "${HOME}/.env"', 'cat $HOME/.ssh/id_rsa', 'cat $PWD/.env'],
  ...['cat "$PWD"/.ssh/*', 'cat ~+/.env', 'cat "$(pwd)/.env"', 'cat `pwd`/.env', 'd=.; cat $d/.env'],
  ...[
    'x=; cat .e${x}nv',
    'cat .e$(:)nv',
    'cat .env$x',
    'x=e; cat ".${x}nv"',
    'cat $x.env',
    'd=app; cat $d/keys/one.pem',
  ],
  'for d in app; do cat "$d"/keys/*.pem; done',
  // variables that the line sets
  ...[
    'f=.env; cat $f',
    'f=.e*; cat $f',
    'f="README.md .e*"; cat $f',
    "f='.[e]nv'; cat $f",
    'export f=.env; cat "$f"',
  ],
  ...[
    'for f in .e*; do cat "$f"; done',
    'for f in README.md .env; do cat $f; done',
    'declare f=.env; cat $f',
  ],
  ...['for f in .ssh/*; do cat "$f"; done', 'd=~/.ssh; cat $d/id_rsa', 'd=.ssh; f=id_rsa; cat "$d/$f"'],
  ...[
    'a=(README.md .env); cat "${a[@]}"',
    'a=(.env); cat ${a[0]}',
    'x=.e; y=nv; cat $x$y',
    'a=.env; b=$a; cat $b',
    'x=.e; x=${x}nv; cat $x',
    'a=.env; b=$a; c=$b; d=$c; e=$d; f=$e; cat $f',
  ],
  ...['d=.ssh; cd $d; cat id_rsa', 'cat $f < .env', "f=.env bash -c 'cat $f'", 'f=.env; bash -c "cat $f"'],
  // where other parts of the line are unclear
  ...[
    'echo ${HOME@Q}; cat .env',
    'cat .env; echo ${HOME@Q}',
    'cat .env\nif',
    'x=README.md; eval "cat .env $x"',
  ],
  ...['bash -c "cat .e* $HOME/README.md"', '$x cat .env', '$x; cat .env', 'echo "$x" | sh; cat .env'],
  `${'( '.repeat(50)}cat .env${' )'.repeat(50)}`,
  // somewhere else
  ...['cd app && cat ../.env', 'cd .ssh; cat id_rsa', 'cd -P .ssh && cat id_rsa', 'cd .s* && cat id_rsa'],
  ...['cd ~/.ssh; cat *', 'cd $HOME/.ssh && cat id*', 'pushd .ssh; cat id_rsa', '(cd app/keys; cat one.pem)'],
  ...['cd app/k*; cat o*', 'cd {.ssh,} && cat id_rsa'],
  // within something
  ...['echo "$(cat .e*)"', 'echo $(< .env)', 'echo "$(<.e?v)"', 'while read l; do echo $l; done < .env'],
  ...[
    "bash -c 'cat .e*'",
    "bash -c 'cat < .env'",
    'eval "cat .en*"',
    'cat <(cat .env)',
    'bash <<< "cat < .env"',
  ],
  ...['mapfile x < .env; echo ${x[@]}', 'read x < .env; echo $x', 'exec 5< .env; cat <&5', 'env cat .e*'],
  ...[
    'timeout 3 cat .e*',
    'find . -maxdepth 1 -name README.md -exec cat .env \\;',
    '{ cat .en?; }',
    'cat .en? | cat',
  ],
  // by other programs that name it
  ...[
    'dd if=.env',
    'dd if=.env 2>&1',
    'sort .e*',
    'paste .env',
    'grep canary .e*',
    'grep -h c .env',
    'awk 1 .env',
  ],
  ...[
    'rev .env | rev',
    'tee < .env',
    'cp .env copy; cat copy; rm copy',
    'cut -c1- .env',
    'nl .env',
    'fold .env',
    'tac .e*',
  ],
];

describe(`${attempts.length} attempts to read what a rule denies`, () => {
  it('are each another one', () => expect(new Set(attempts).size).toBe(attempts.length));

  it.each(attempts)('%j is denied', (command) => expect(verdict(command)).toBe('deny'));

  it('are real: bash shows the file', { timeout: 60_000 }, async () => {
    const idle: string[] = [];
    for (const command of attempts) if (!(await shows(command))) idle.push(command);
    expect(idle).toEqual([]);
  });
});

describe('a rule for files', () => {
  it.each([
    'cat env',
    'cat *.md app/*.ts',
    'cat "$f" "$d/$f" $(git ls-files)',
    'for f in *.ts; do wc -l "$f"; done',
    'for f in src/*.c; do all="$all $f"; done; cat $all; n=$n.x; cat build/$n',
    'cp "$a" "$b" && cat src/"$c"',
    'cat "$HOME"/README.md "$d"/main.ts "$name".ts x{1..3}.txt {a,b}.md',
    'grep -rn TODO app/*.ts app/*/*.ts',
    'rm -rf build/* app/*.o',
    'ls .e*',
    'echo .env > .gitignore',
    'cat "*.x" \\*.x',
    'cd app; cat main.ts',
    'sed -i s/a/b/ app/*.ts',
    'cat .?x app/k?ys.ts',
    'head -n 5 **/*.md',
  ])('has nothing to say of %j', (command) => expect(verdict(command)).toBe('allow'));

  it.each([
    ['Read(*.pem)', 'cat *'],
    ['Read(*.pem)', 'cat README.*'],
    ['Edit(.env)', 'rm .e*'],
    ['Edit(.env)', 'echo x > .en?'],
    ['Edit(.env)', 'cp README.md "$HOME"/.env'],
    ['Edit(.git/**)', 'rm -rf .g*/hooks'],
    ['Edit(.git/**)', 'touch .git/*'],
    ['Edit(secret)', 'rm -r *'],
    ['Edit(~/out/{a,b})', 'rm out/[ab]'],
    ['Read(//etc/**)', 'cat /e*/passwd'],
    ['Read(//etc/shadow)', 'cat /???/sh[a]dow'],
    ['Read(id_[rd]sa)', 'cat id_[a-z]sa'],
    ['Read(src/**/key)', 'cat src/*/*/key'],
    ['Read(secret)', 'cat secret/*.txt'],
    [`Read(${'{a,b}'.repeat(12)})`, 'cat x'],
    ['Read(.env)', `cat ${'{a,b}'.repeat(12)}`],
    ['Read(.env)', `${'( '.repeat(300)}x${' )'.repeat(300)}`],
    ['Read(.env)', `# ${'x'.repeat(130 * 1024)}\ncat .env`],
  ])('%s stops %j', (rule, command) => expect(verdict(command, [rule])).toBe('deny'));

  it('is held against a line in time, however it looks', () => {
    const lines = [
      `cat ${'*a'.repeat(2_000)}b`,
      `cat ${'*/'.repeat(2_000)}b`,
      `cat ${'{a,b}'.repeat(7)}${'/{c,d}'}`.repeat(300),
      `${'cd {a,b};'.repeat(3_000)} cat x`,
      `cat ${'x '.repeat(30_000)}`,
      `cat ${'.e[a-z]v* '.repeat(5_000)}`,
      `${'x=$x$x;'.repeat(5_000)} cat $x$x$x`,
      `${Array.from({ length: 500 }, (_, at) => `x${at}=$x${at + 1}$x${at + 2};`).join('')} cat $x0`,
      `${'x="$x$y"; y="$x$x";'.repeat(8)} cat $x/$y`,
    ];
    const many = Array.from({ length: 100 }, (_, index) => `Read(**/*a*b*c*/**/*${index}*)`);
    for (const line of lines) {
      const started = performance.now();
      verdict(line, many);
      expect(performance.now() - started, line.slice(0, 30)).toBeLessThan(5_000);
    }
  });
});

describe('whatever word bash can be given', () => {
  const piece = fc.constantFrom(
    ...['$f', '"$f"', '$d/', '$d', '${f}', '$x'],
    ...[
      '.',
      'e',
      'n',
      'v',
      '.env',
      '.e',
      'nv',
      '*',
      '?',
      '[e]',
      '[a-z]',
      '[!a]',
      '[.]',
      '{e,x}',
      '{n,v}',
      '{.,}',
    ],
    ...[
      '""',
      "'v'",
      '\\v',
      "$'\\x6e'",
      './',
      '~/',
      '$HOME/',
      '"$HOME"/',
      '$PWD/',
      'app/../',
      '*/../',
      '.ssh/',
    ],
    ...[
      'id_rsa',
      'id*',
      '.s',
      'sh',
      '/',
      '${x}',
      '$(:)',
      'app/keys/',
      'one',
      '.pem',
      '.p?m',
      '**',
      '{a..z}',
      '..',
    ],
  );
  const word = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''));
  const line = fc
    .tuple(
      fc.constantFrom(
        ...['', '', '', 'cd app; ', 'cd .ssh && ', 'cd .ss*; ', 'shopt -s dotglob\n'],
        ...[
          'x=e; ',
          'f=.e*; ',
          'f="a .env"; d=.ssh; ',
          'for f in .e* .ssh/*; do ',
          'd=$HOME; f=$d/.ssh/id*; ',
        ],
      ),
      fc.constantFrom('cat ', 'cat < '),
      word,
    )
    .map((parts) => parts.join('') + (parts[0].startsWith('for') ? '; done' : ''));

  it('shows no file that is denied', { timeout: 120_000 }, async () => {
    let ran = 0;
    await fc.assert(
      fc.asyncProperty(line, async (command) => {
        if (verdict(command) === 'deny') return;
        ran += 1;
        expect(await shows(command), command).toBe(false);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 600) },
    );
    // A judge that denies everything would pass as well.
    expect(ran).toBeGreaterThan(150);
  });
});
