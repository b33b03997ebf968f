import type { Completed } from './model.ts';

/** Completion for zsh. */
export function zshCompletion(commands: readonly Completed[]): string {
  return `#compdef dormouse
# zsh completion for dormouse. To load it:  source <(dormouse completion zsh)
_dormouse_workspaces() {
  local -a names
  names=(\${\${(f)"$(dormouse ls -o name 2>/dev/null)"}##*/})
  compadd -a names
}

_dormouse() {
  local -a commands
  local line state
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  _arguments -C '1: :->command' '*:: :->rest' && return
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${commands.map(commandCase).join('\n')}
      esac
      ;;
  esac
}
compdef _dormouse dormouse
`;
}

function commandCase({ name, options, takesWorkspace, words }: Completed): string {
  const specs = options.flatMap(({ flags, summary, values, takesValue }) => {
    const value = takesValue ? `: :(${values.join(' ')})` : '';
    return flags.map((flag) => quoted(`*${flag}[${summary.replaceAll(/[[\]:]/g, ' ')}]${value}`));
  });
  if (takesWorkspace) specs.push(quoted('1: :_dormouse_workspaces'));
  if (words.length > 0) specs.push(quoted(`1: :(${words.join(' ')})`));
  specs.push(quoted('*: :_default'));
  return `        ${name}) _arguments ${specs.join(' ')} ;;`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
