// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { attempts, promisedByNobody, unrunnable } from './testing/evasions.ts';
import { runBash } from './testing/run-bash.ts';

/**
 * The program that the rule forbids is `canary`. It is there and leaves a mark when it runs, so a real bash says which attempts
 * are ones: a list of attempts that would not work anyway proves nothing.
 */
let folder: string;
let marks: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-evasion-'));
  marks = join(folder, 'marks');
  await mkdir(join(folder, 'bin'));
  await mkdir(join(folder, 'work'));
  await writeFile(join(folder, 'bin/canary'), `#!/bin/sh\necho ran >> ${marks}\n`);
  await chmod(join(folder, 'bin/canary'), 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Whether canary runs when bash gets the command as the tool gives it. */
async function runs(command: string, home: Record<string, string> = {}): Promise<boolean> {
  await rm(marks, { force: true });
  await rm(join(folder, 'work'), { recursive: true, force: true });
  await mkdir(join(folder, 'work'));
  for (const [name, text] of Object.entries(home)) await writeFile(join(folder, 'work', name), text);
  const bin = join(folder, 'bin');
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: join(folder, 'work'), BIN: bin };
  await runBash(command.replaceAll('@BIN@', bin), join(folder, 'work'), env);
  return readFile(marks).then(
    () => true,
    () => false,
  );
}

const scope = { cwd: '/home/agent', home: '/home/agent', readable: [] };
function verdict(command: string, rules: { allow?: string[]; ask?: string[]; deny?: string[] }): string {
  const permissions = { mode: 'bypassPermissions' as const, allow: [], ask: [], deny: [], ...rules };
  return decide({ kind: 'bash', command: command.replaceAll('@BIN@', '/usr/bin') }, permissions, scope)
    .verdict;
}

describe(`${attempts.length} attempts to run what a rule denies`, () => {
  it('are at least 150, each another one', () => {
    expect(attempts.length).toBeGreaterThanOrEqual(150);
    expect(new Set(attempts).size).toBe(attempts.length);
  });

  it.each(attempts)('%j is denied', (command) => {
    expect(verdict(command, { deny: ['Bash(canary:*)'] })).toBe('deny');
  });

  it('are asked about where the rule only asks, and no allow rule for its parts lets one through', () => {
    for (const command of attempts) {
      expect(verdict(command, { ask: ['Bash(canary *)'] }), command).toBe('ask');
      const permissions = { mode: 'default' as const, deny: [], ask: [] };
      const allow = ['echo', 'cat', 'true', 'ls', 'printf', 'export', 'cd', ':'].map(
        (name) => `Bash(${name}:*)`,
      );
      const { verdict: said } = decide({ kind: 'bash', command }, { ...permissions, allow }, scope);
      expect(said, command).toBe('ask');
    }
  });

  it('are real: bash runs what is denied', { timeout: 120_000 }, async () => {
    const idle: string[] = [];
    for (const command of attempts)
      if (!unrunnable.has(command) && !(await runs(command))) idle.push(command);
    expect(idle).toEqual([]);
  });
});

describe('start-up files of the home', () => {
  it('have no part in what a command runs', async () => {
    const text =
      'canary\nalias ls=canary\nls() { canary; }\nexport -f ls\nPROMPT_COMMAND=canary\ntrap canary EXIT\n';
    const names = [
      '.bashrc',
      '.bash_profile',
      '.bash_login',
      '.profile',
      '.bash_aliases',
      '.bash_logout',
      '.env',
    ];
    const files = Object.fromEntries(names.map((name) => [name, text]));
    expect(await runs('ls; echo "$-"', files)).toBe(false);
    // They would, were they read.
    expect(await runs('. ./.bashrc', files)).toBe(true);
  });
});

describe('what a rule does not speak of', () => {
  it.each([
    'ls -la',
    'echo "$HOME"',
    'git commit -m "mend the $thing"',
    'for f in *.ts; do wc -l "$f"; done',
    'cp "$a" "$b" && cat src/"$c"',
    'make -j2 2>&1 | tee build.log',
    'npm run build --if-present',
    'bash build.sh --fast',
    'cat <<EOF > notes.txt\nhello $USER\nEOF',
    'find . -name "*.o" -exec rm {} +',
    'xargs -0 rm < list',
    'x=$(git rev-parse HEAD); echo ${x:0:7} $((1 + 2))',
    'if [ -f a ]; then cat a; else echo none; fi',
    'timeout 5 python3 -m http.server',
    'canaryx --y',
    'cat canary.txt',
  ])('%j is not stopped by it', (command) => {
    expect(verdict(command, { deny: ['Bash(canary:*)'] })).toBe('allow');
  });
});

describe('what no rule over command lines can promise', () => {
  it.each(promisedByNobody)('%j runs it, unseen: the container is the boundary', async (command) => {
    expect(verdict(command, { deny: ['Bash(canary:*)'] })).toBe('allow');
    expect(await runs(command)).toBe(true);
  });
});

/** Lines put together from everything that bash has for putting lines together. */
const lines = (() => {
  const name = fc.constantFrom(
    'canary',
    "'canary'",
    '"canary"',
    'can\\ary',
    "c'an'ary",
    'can""ary',
    "$'can\\x61ry'",
    '$BIN/canary',
    '"$BIN"/canary',
    '$(echo canary)',
    '`echo canary`',
    '${UNSET:-canary}',
    'c{anary,}',
    '$BIN/c?nary',
    '$BIN/can*',
    "ca$'n'ary",
    'can\\\nary',
    '\\canary',
    '"can"ary',
    '$(printf %s canary)',
    '$(command -v canary)',
    'can$(:)ary',
    'can${UNSET}ary',
    'echo',
    'true',
    ':',
  );
  const word = fc.constantFrom(
    'x',
    '"a b"',
    "'c;d'",
    '$HOME',
    '-n',
    '#',
    'a#b',
    '\\;',
    '"$(echo y)"',
    '{1,2}',
    '2>&1',
    '>out',
    '<<<x',
    '--',
  );
  const wrapper = fc.constantFrom(
    '',
    '',
    '',
    'env',
    'env A=1',
    'A=1',
    'nohup',
    'timeout 3',
    'nice -n 1',
    'command',
    'exec',
    'builtin command',
    'time',
    '!',
    'xargs',
    'eval',
    'stdbuf -oL',
    'setsid -w',
  );
  const simple = fc
    .tuple(wrapper, name, fc.array(word, { maxLength: 2 }))
    .map(([before, program, words]) => [before, program, ...words].filter((each) => each !== '').join(' '));
  const { line } = fc.letrec<{ line: string }>((tie) => ({
    line: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      simple,
      fc
        .tuple(
          tie('line'),
          fc.constantFrom('; ', ' && ', ' || ', ' | ', ' |& ', ' &\n', '\n', '&'),
          tie('line'),
        )
        .map((parts) => parts.join('')),
      fc
        .tuple(
          fc.constantFrom<(inner: string) => string>(
            (inner) => `(${inner})`,
            (inner) => `{ ${inner}\n}`,
            (inner) => `echo $(${inner})`,
            (inner) => `echo "$(${inner})"`,
            (inner) => `cat <(${inner})`,
            (inner) => `if true; then ${inner}\nfi`,
            (inner) => `while ${inner}\ndo break; done`,
            (inner) => `for i in 1; do ${inner}\ndone`,
            (inner) => `f() { ${inner}\n}; f`,
            (inner) => `case a in a) ${inner}\n;; esac`,
            (inner) => `bash -c ${quoted(inner)}`,
            (inner) => `eval ${quoted(inner)}`,
            (inner) => `trap ${quoted(inner)} EXIT`,
            (inner) => `bash <<'END'\n${inner}\nEND`,
            (inner) => `cat <<END\n$(${inner})\nEND`,
            (inner) => `x=$(${inner})`,
            (inner) => `: "\${UNSET:-$(${inner})}"`,
            (inner) => `: $((1 + $(${inner}) 0))`,
            (inner) => `[[ -n $(${inner}) ]]`,
            (inner) => `# a comment\n${inner}`,
            (inner) => `coproc { ${inner}\n}; wait`,
            (inner) => `echo ${quoted(inner)} | bash`,
            (inner) => `find . -maxdepth 0 -exec bash -c ${quoted(inner)} \\;`,
          ),
          tie('line'),
        )
        .map(([wrap, inner]) => wrap(inner)),
    ),
  }));
  return line;
})();

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

describe('whatever bash can be told', () => {
  it('does not run what is denied, and runs nothing for which no rule allows each part', {
    timeout: 120_000,
  }, async () => {
    let ran = 0;
    await fc.assert(
      fc.asyncProperty(lines, async (line) => {
        const denied = verdict(line, { deny: ['Bash(canary:*)'] }) === 'deny';
        const permissions = {
          mode: 'default' as const,
          deny: [],
          ask: [],
          allow: ['Bash(echo:*)', 'Bash(true:*)'],
        };
        const allowed = decide({ kind: 'bash', command: line }, permissions, scope).verdict === 'allow';
        if (denied && !allowed) return;
        const did = await runs(line);
        ran += 1;
        expect(did, line).toBe(false);
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 1500) },
    );
    // A judge that denies everything would pass as well.
    expect(ran).toBeGreaterThan(20);
  });

  it('is judged in time, however it looks', () => {
    const long = [
      `${'('.repeat(2_000)}canar`,
      `echo ${'"$(echo '.repeat(500)}`,
      `env ${'-a b '.repeat(3_000)}`,
      `echo ${'c '.repeat(30_000)}`,
      'c'.repeat(60_000),
      `${'a|'.repeat(30_000)}a`,
      `bash -c '${'bash -c "'.repeat(50)}`,
      `echo ${'{a,b}'.repeat(5_000)}`,
      `${'x=$y;'.repeat(10_000)}`,
    ];
    for (const line of long) {
      const started = performance.now();
      verdict(line, { deny: ['Bash(c*c*c*c*z:*)', 'Bash(canary:*)', 'Bash(*a*b*c*d*)'] });
      expect(performance.now() - started, line.slice(0, 30)).toBeLessThan(5_000);
    }
  });
});
