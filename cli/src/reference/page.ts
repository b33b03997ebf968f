import type { Command, Option } from 'commander';
import { examplesOf } from '../commands/command.ts';
import { exitCodes } from '../exit-code.ts';

const notice = '<!-- Generated from cli/src by `npm run generate`. Do not edit. -->\n';

/** docs/reference/cli.md: every command with its arguments, options and examples. */
export function referencePage(root: Command): string {
  const sections = [
    `${notice}\n# dormouse`,
    `${root.description()} [How to use it](../how-to/command-line.md).`,
    `## Every command takes\n\n${optionTable(root.options)}`,
    ...root.commands.map((command) => section(root, command)),
    `## Exit codes\n\n${exitCodeTable()}`,
  ];
  return `${sections.join('\n\n')}\n`;
}

function section(root: Command, command: Command): string {
  const examples = examplesOf(command).map(([line, does]) => `# ${does}\n${line}`);
  const { options } = command;
  return [
    `## ${command.name()}`,
    `\`${root.name()} ${command.name()} ${command.usage()}\``,
    command.description(),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function optionTable(options: readonly Option[]): string {
  return table(
    ['Option', ''],
    options.map((option) => [`\`${option.flags}\``, optionText(option)]),
  );
}

function optionText({ description, argChoices, defaultValue, defaultValueDescription }: Option): string {
  const choices = argChoices === undefined ? '' : `: ${argChoices.map((each) => `\`${each}\``).join(', ')}`;
  const initial = defaultValueDescription ?? (typeof defaultValue === 'string' ? defaultValue : undefined);
  return `${description}${choices}${initial === undefined ? '' : ` (default: \`${initial}\`)`}`;
}

function exitCodeTable(): string {
  return table(
    ['Code', 'Means'],
    Object.values(exitCodes).map(({ code, meaning }) => [String(code), meaning]),
  );
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
