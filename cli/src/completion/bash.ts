import type { Completed } from './model.ts';

/** Completion for bash 4 and later, with or without the package bash-completion. */
export function bashCompletion(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# bash completion for dormouse. To load it:  source <(dormouse completion bash)
_dormouse() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command='' index
  local options='' values='' workspaces='' words='' positional=0
  local -a access=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      -n | --namespace | --context | --kubeconfig)
        access+=("\${COMP_WORDS[index]}" "\${COMP_WORDS[index + 1]}")
        ((index++))
        ;;
      -*) ;;
      *)
        if [[ -z $command ]]; then command=\${COMP_WORDS[index]}; else ((positional++)); fi
        ;;
    esac
  done
  case $command in
    '') words=${quoted(names)} ;;
${commands.map(commandCase).join('\n')}
  esac
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
  elif [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
  elif [[ -n $workspaces && $positional -eq 0 ]]; then
    words=$(dormouse ls -o name "\${access[@]}" 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "\${words//agentworkspace.dormouse.dev\\//}" -- "$word")
  elif [[ $positional -eq 0 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  fi
}
complete -o default -F _dormouse dormouse
`;
}

function commandCase({ name, options, takesWorkspace, words }: Completed): string {
  const flags = options.flatMap((option) => option.flags).join(' ');
  const more = [
    takesWorkspace ? ' workspaces=yes' : '',
    words.length > 0 ? ` words=${quoted(words.join(' '))}` : '',
  ];
  return `    ${name}) options=${quoted(flags)}${more.join('')} ;;`;
}

function valueCases({ name, options }: Completed): string[] {
  return options
    .filter(({ values }) => values.length > 0)
    .map(({ flags, values }) => {
      const pattern = flags.map((flag) => quoted(`${name} ${flag}`)).join(' | ');
      return `    ${pattern}) values=${quoted(values.join(' '))} ;;`;
    });
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
