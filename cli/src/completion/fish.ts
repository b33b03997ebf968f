import type { Completed } from './model.ts';

/** Completion for fish. */
export function fishCompletion(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const lines = commands.flatMap((command) => commandLines(command, names));
  return `# fish completion for dormouse. To load it:  dormouse completion fish | source
function __dormouse_workspaces
    dormouse ls -o name 2>/dev/null | string replace 'agentworkspace.dormouse.dev/' ''
end
complete -c dormouse -f
${lines.join('\n')}
`;
}

function commandLines({ name, summary, options, takesWorkspace, words }: Completed, names: string): string[] {
  const here = `-n '__fish_seen_subcommand_from ${name}'`;
  const lines = [
    `complete -c dormouse -n 'not __fish_seen_subcommand_from ${names}' -a ${name} -d ${quoted(summary)}`,
  ];
  if (takesWorkspace) lines.push(`complete -c dormouse ${here} -a '(__dormouse_workspaces)'`);
  if (words.length > 0) lines.push(`complete -c dormouse ${here} -a ${quoted(words.join(' '))}`);
  for (const option of options) {
    const flags = option.flags.map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    );
    const value = option.takesValue
      ? ` -x${option.values.length > 0 ? ` -a ${quoted(option.values.join(' '))}` : ''}`
      : '';
    lines.push(`complete -c dormouse ${here} ${flags.join(' ')} -d ${quoted(option.summary)}${value}`);
  }
  return lines;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
