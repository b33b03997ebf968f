import { parseShellLine, type ShellCommand, type ShellLine, setVariable } from './line.ts';
import { anything, isCertain, textOf } from './text.ts';

/** How deep commands within commands are followed; what lies deeper is unclear. */
const maxDepth = 8;

const shells = new Set('sh bash dash ash zsh ksh mksh rbash fish csh tcsh'.split(' '));

/** A variable that takes the place of what cannot be told, in a text that is parsed in its turn: `bash -c "cat $x"`. */
export const unknownVariable = '_unknown';

/** Programs that run the one named in their arguments. */
const runners = new Set(
  (
    'env command exec builtin timeout time nice nohup stdbuf xargs sudo doas busybox toybox setsid ionice chrt taskset ' +
    'chroot unshare nsenter strace ltrace gdb flock setarch linux32 linux64 runuser su setpriv script watch ssh parallel ' +
    'rlwrap unbuffer winpty proot fakeroot firejail bwrap capsh prlimit numactl catchsegv start-stop-daemon entr'
  ).split(' '),
);

/** Whether a program runs another one, which its arguments name. */
export function runsOthers(program: string): boolean {
  return runners.has(program) || shells.has(program) || /^(?:find|fd|fdfind)$/.test(program);
}

/** Programs that hand a text of theirs to a shell. */
const speakers = new Set('su runuser script flock watch ssh parallel rlwrap entr'.split(' '));

/** Builtins that keep a command for later, or make one: what they are given must stand there. */
const keepers = new Set('hash enable compgen complete bind mapfile readarray let'.split(' '));

/** Variables whose values some program runs. */
const runByOthers =
  /^(?:PROMPT_COMMAND|PS[0124]|BASH_ENV|ENV|.*(?:PAGER|EDITOR|VISUAL|BROWSER)|GIT_\w*(?:COMMAND|DIFF|ASKPASS)|LESS(?:OPEN|CLOSE)|SSH_ASKPASS|LD_\w+|BASH_FUNC_.*)$/;

/**
 * A line with what its commands hand to a shell: `bash -c`, `eval`, `trap`, here-documents for a shell, `find -exec`. Where a
 * text is run that does not stand on the line, the whole becomes unclear.
 */
export function unfolded(source: string, depth = 0): ShellLine {
  const line = parseShellLine(source);
  if (depth > maxDepth) {
    line.unclear = true;
    line.unread = true;
    return line;
  }
  for (const [name, values] of line.variables)
    if (runByOthers.test(name) && !values.map(textOf).every(isCertain)) line.unclear = true;
  for (const command of [...line.commands]) follow(command, line, depth);
  return line;
}

function follow(command: ShellCommand, line: ShellLine, depth: number): void {
  const [program = '', ...args] = command.words;
  const name = program.slice(program.lastIndexOf('/') + 1);
  if (!isCertain(program) || (keepers.has(name) && !args.every(isCertain))) line.unclear = true;
  else if (shells.has(name)) followShell(command, line, depth);
  else if (name === 'find' || name === 'fd' || name === 'fdfind') followFind(args, line, depth);
  else if (name === 'source' || name === '.') line.unclear ||= !isFile(args[0] ?? anything);
  else for (const text of textsToRun(name, args)) add(text, line, depth);
  if (runners.has(name)) followRunner(name, args, command, line, depth);
}

/** What a program gives to a shell as it stands in its arguments. */
function textsToRun(name: string, args: readonly string[]): string[] {
  if (name === 'eval') return args.length === 0 ? [] : [args.join(' ')];
  if (name === 'trap') return args.length < 2 ? [] : [args.find((arg) => !/^-[lp-]?$/.test(arg)) ?? anything];
  if (name === 'alias')
    return args.filter((arg) => arg.includes('=')).map((arg) => arg.slice(arg.indexOf('=') + 1));
  if (name === 'env') return splitStrings(args);
  return speakers.has(name) ? args.filter((arg) => /[\s;|&<>()`$]/.test(arg)) : [];
}

/** `env -S 'A=1 program x'`, in all its spellings. */
function splitStrings(args: readonly string[]): string[] {
  return args.flatMap((arg, at) => {
    const [, option, text] = /^(-[a-zA-Z]*S|--split-string(?:=|$))([\s\S]*)$/.exec(arg) ?? [];
    if (option === undefined) return [];
    return text === '' && !option.endsWith('=') ? (args[at + 1] ?? []) : (text ?? []);
  });
}

function add(text: string | undefined, line: ShellLine, depth: number): void {
  line.unclear ||= text === undefined || !isCertain(text);
  if (text === undefined) return;
  const inner = unfolded(text.replaceAll(anything, `\${${unknownVariable}}`), depth + 1);
  line.unclear ||= inner.unclear;
  line.unread ||= inner.unread;
  line.commands.push(...inner.commands);
  line.opened.push(...inner.opened);
  for (const [name, values] of inner.variables) setVariable(name, values, line);
  for (const each of inner.texts) line.texts.add(each);
}

/** A file whose name stands there and that no redirection or other command fills. */
function isFile(path: string): boolean {
  return isCertain(path) && !/^(?:-|\/dev\/(?:stdin|fd\/.*|tty)|\/proc\/.*\/fd\/.*)$/.test(path);
}

function followShell({ words, input }: ShellCommand, line: ShellLine, depth: number): void {
  let at = 1;
  for (; at < words.length; at += 1) {
    const word = words[at] as string;
    if (word === '--') {
      at += 1;
      break;
    }
    if (!isCertain(word)) {
      line.unclear = true;
      return;
    }
    if (!/^[-+]./.test(word)) break;
    if (/^-[a-zA-Z]*c/.test(word)) {
      const script = words.slice(at + 1).find((each) => !/^[-+]./.test(each));
      add(script, line, depth);
      return;
    }
    if (/^-[a-zA-Z]*s$/.test(word)) {
      at = words.length;
      break;
    }
    if (/^(?:[-+][oO]|--(?:rcfile|init-file))$/.test(word)) at += 1;
  }
  const file = words[at];
  if (file !== undefined && isFile(file)) return;
  // It reads what it shall do from its input.
  if (input !== undefined && 'text' in input) add(input.text, line, depth);
  else if (input === undefined || !isFile(input.file)) line.unclear = true;
}

function followFind(args: readonly string[], line: ShellLine, depth: number): void {
  for (const [at, arg] of args.entries()) {
    if (!/^(?:-exec|-execdir|-ok|-okdir|-x|-X|--exec|--exec-batch)$/.test(arg)) continue;
    const rest = args.slice(at + 1);
    const end = rest.findIndex((word) => word === ';' || word === '+');
    followInner({ source: [], words: end === -1 ? rest : rest.slice(0, end) }, '{}', line, depth);
  }
}

/** The command that a program is told to run; `placeholder` stands in it for what is not seen. */
function followInner(
  command: ShellCommand,
  placeholder: string | undefined,
  line: ShellLine,
  depth: number,
): void {
  const words =
    placeholder === undefined
      ? command.words
      : command.words.map((word) => word.replaceAll(placeholder, anything));
  if (depth < maxDepth) follow({ ...command, words }, line, depth + 1);
  else line.unclear = true;
}

/**
 * What `env`, `sudo`, `xargs` and the like run: the first word that is no option, assignment or number; where an option may
 * take the word behind it, the one after that as well.
 */
function followRunner(
  name: string,
  args: readonly string[],
  { input }: ShellCommand,
  line: ShellLine,
  depth: number,
): void {
  const placeholder = name === 'xargs' ? placeholderOf(args) : name === 'parallel' ? '{}' : undefined;
  let found = false;
  let mayBeValue = false;
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] as string;
    if (/^[A-Za-z_]\w*=/.test(word) || /^[\d.]+[a-z]?$/.test(word)) {
      mayBeValue = false;
      continue;
    }
    if (/^[-+]/.test(word)) {
      mayBeValue = word !== '--' && !word.includes('=');
      continue;
    }
    // xargs adds what it reads: to a shell or another runner that is a command.
    const words = name === 'xargs' ? [...args.slice(at), anything] : args.slice(at);
    followInner({ source: [], words, ...(input !== undefined && { input }) }, placeholder, line, depth);
    found = true;
    if (!mayBeValue) break;
    mayBeValue = false;
  }
  // Without a command they read one.
  if (!found && (name === 'parallel' || name === 'ssh')) line.unclear = true;
}

function placeholderOf(args: readonly string[]): string | undefined {
  for (const [at, arg] of args.entries()) {
    if (arg === '-I' || arg === '--replace-str') return args[at + 1];
    const inline = /^(?:-I|-i|--replace(?:-str)?=)(.+)$/.exec(arg)?.[1];
    if (inline !== undefined) return inline;
    if (arg === '-i' || arg === '--replace') return '{}';
  }
  return undefined;
}
