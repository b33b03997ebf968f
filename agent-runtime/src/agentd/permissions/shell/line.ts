import {
  type Assignment,
  type Command,
  forEachChild,
  type ParsedScript,
  parse,
  type Redirect,
  type Redirection,
  type SyntaxNode,
  type Word,
} from 'unbash';
import { anything, isCertain, textOf } from './text.ts';

/** One simple command: the program and its arguments. */
export interface ShellCommand {
  /** As they stand on the line. */
  source: string[];
  /** As the program gets them; see {@link anything}. */
  words: string[];
  /** Where its standard input comes from, if the command itself says so: a text that stands on the line, or a file. */
  input?: { text: string } | { file: string };
}

/** One that stands on the line itself. */
export interface WrittenCommand extends ShellCommand {
  /** Its arguments as they were parsed; with the program, where that cannot be told. */
  args: readonly Word[];
}

/** A file that a redirection opens. */
export interface OpenedFile {
  target: Word;
  reads: boolean;
  writes: boolean;
}

/** A shell command line as permission rules see it. It is parsed, never run. */
export interface ShellLine {
  /** Every command anywhere in it: in substitutions, functions, loops, branches. */
  commands: WrittenCommand[];
  /** Every other text that a program could take for a command: values, here-documents, arguments. */
  texts: Set<string>;
  /** What variables are set to, by assignments and by loops over words. */
  variables: Map<string, Word[]>;
  /**
   * The commands, where there is nothing else: a list or pipeline of simple ones, whose programs stand there and which take
   * no text from other commands. Undefined otherwise.
   */
  plain: ShellCommand[] | undefined;
  opened: OpenedFile[];
  /** It is no shell command, or holds what makes a text into a command that nobody can see before. */
  unclear: boolean;
  /** Some of it was not looked at: it is too long, or too deep. */
  unread: boolean;
}

/** What bash takes as one argument of a program, and so as a command of the tool. */
const maxLength = 128 * 1024;

/** Of nodes of the syntax tree in each other; a loop in a loop has about ten. */
const maxNodeDepth = 400;

export function parseShellLine(source: string): ShellLine {
  const line: ShellLine = {
    commands: [],
    texts: new Set(),
    variables: new Map(),
    plain: undefined,
    opened: [],
    unclear: true,
    unread: true,
  };
  // A zero byte ends the line for bash, and for nobody else; the others stand for something here.
  if (source.length > maxLength || /[\0\uE000-\uE007]/.test(source)) return line;
  const script = parse(source);
  line.unclear = false;
  line.unread = false;
  visit(script, line);
  if (!line.unclear) line.plain = plainCommands(script);
  return line;
}

function visit(node: SyntaxNode, line: ShellLine, depth = 0): void {
  // Deeper than anybody writes, and long before the stack is at its end.
  if (depth > maxNodeDepth) {
    line.unclear = true;
    line.unread = true;
    return;
  }
  if (node.type === 'Script' && (node.errors?.length ?? 0) > 0) line.unclear = true;
  if (node.type === 'Command' && node.name !== undefined) line.commands.push(commandOf(node));
  if (node.type === 'Word') addText(textOf(node), line);
  if (node.type === 'Redirect') noteFile(node, line);
  if (node.type === 'HereDocBody') addText(bodyText(node), line);
  if (node.type === 'Assignment') {
    setVariable(node.name, valuesOf(node), line);
    addText(assigned(node), line);
  }
  if (node.type === 'For' || node.type === 'Select')
    setVariable(textOf(node.name), node.wordlist ?? [], line);
  // `${x@P}` runs the substitutions that the value of x holds.
  if (node.type === 'ParameterExpansion' && node.operation?.type === 'Transform') line.unclear = true;
  forEachChild(node, (child) => visit(child, line, depth + 1));
}

export function setVariable(name: string, values: readonly Word[], { variables }: ShellLine): void {
  const all = variables.get(name) ?? [];
  // Not spread: a line may hold as many as there are stack frames.
  for (const value of values) all.push(value);
  variables.set(name, all);
}

function addText(text: string, line: ShellLine): void {
  line.texts.add(text);
  // A substitution in a text, put together from what nobody sees yet: arithmetic and `eval` would run it.
  if (!isCertain(text) && /\$\(|`|\$\{/.test(text)) line.unclear = true;
}

function noteFile({ operator, target }: Redirect, { opened }: ShellLine): void {
  const path = wordText(target);
  if (target === undefined || joinsDescriptors(operator, path) || path === '/dev/null') return;
  const reads = operator.startsWith('<');
  opened.push({ target, reads, writes: operator !== '<' && operator !== '<&' });
}

/** `2>&1`, `>&-`: no file is opened. */
function joinsDescriptors(operator: Redirect['operator'], target: string): boolean {
  return (operator === '>&' || operator === '<&') && /^(?:\d+-?|-)$/.test(target);
}

function commandOf(command: Command): WrittenCommand {
  const words = [command.name as Word, ...command.args];
  const input = command.redirects.flatMap((redirect) => inputOf(redirect) ?? []).at(-1);
  return {
    source: words.map((word) => word.text),
    words: words.map((word) => (word.type === 'Word' ? textOf(word) : `${word.name}=${assigned(word)}`)),
    args: argsOf(command),
    ...(input !== undefined && { input }),
  };
}

function argsOf({ name, args }: Command): Word[] {
  const own = args.flatMap((arg) => (arg.type === 'Word' ? arg : valuesOf(arg)));
  return name === undefined || isCertain(textOf(name)) ? own : [name, ...own];
}

function inputOf(redirect: Redirection): ShellCommand['input'] {
  if (redirect.type === 'HereDoc') return { text: bodyText(redirect.body) };
  if (redirect.type === 'HereString') return { text: wordText(redirect.target) };
  const reads = redirect.operator === '<' || redirect.operator === '<>' || redirect.operator === '<&';
  return reads ? { file: wordText(redirect.target) } : undefined;
}

function bodyText({ text, parts }: { text: string; parts: Word['parts'] }): string {
  return parts === undefined ? text : textOf({ type: 'Word', text, value: text, pos: 0, end: 0, parts });
}

function wordText(word: Word | undefined): string {
  return word === undefined ? anything : textOf(word);
}

function assigned(assignment: Assignment): string {
  return valuesOf(assignment).map(textOf).join(' ');
}

function valuesOf({ value }: Assignment): readonly Word[] {
  return value.type === 'Word' ? [value] : value.elements;
}

/** The commands of a line that has nothing but simple ones. */
function plainCommands(script: ParsedScript): ShellCommand[] | undefined {
  const commands: ShellCommand[] = [];
  for (const { command } of script.commands) {
    const pipelines = command.type === 'AndOr' ? command.commands : [command];
    for (const pipeline of pipelines) {
      if (pipeline.type === 'Pipeline' && pipeline.prefixes.some(({ type }) => type === 'Negation'))
        return undefined;
      for (const each of pipeline.type === 'Pipeline' ? pipeline.commands : [pipeline]) {
        if (each.type !== 'Command' || !isPlain(each)) return undefined;
        commands.push(commandOf(each));
      }
    }
  }
  return commands.length === 0 ? undefined : commands;
}

/** Nothing before the program but redirections to a place that stands there, and no text that another command makes. */
function isPlain(command: Command): boolean {
  if (command.name === undefined || !isCertain(textOf(command.name))) return false;
  if (command.prefix.some(({ type }) => type === 'Assignment')) return false;
  const words = [command.name, ...command.args];
  return words.every(isPlainWord) && command.redirects.every(isPlainRedirect);
}

/** Parts whose text another command makes, or that hide what they say. */
const hidden = new Set<SyntaxNode['type']>([
  'CommandExpansion',
  'ProcessSubstitution',
  'ParameterExpansion',
  'ArithmeticExpansion',
  'LocaleString',
  'ExtendedGlob',
  'ArrayValue',
]);

function isPlainWord(node: SyntaxNode): boolean {
  if (hidden.has(node.type)) return false;
  let plain = true;
  forEachChild(node, (child) => {
    plain &&= isPlainWord(child);
  });
  return plain;
}

function isPlainRedirect(redirect: Redirection): boolean {
  if (redirect.type === 'HereDoc') return isCertain(bodyText(redirect.body));
  const { target } = redirect;
  if (target === undefined || !isPlainWord(target)) return false;
  const text = textOf(target);
  return isCertain(text) && text !== '' && redirect.descriptor?.type !== 'FileDescriptorVariable';
}
