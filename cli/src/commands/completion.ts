import { Argument, Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { type Completed, completed } from '../completion/model.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Surroundings } from '../surroundings.ts';
import { withExamples } from './command.ts';

const shells: Record<string, (commands: readonly Completed[]) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

export function completionCommand(around: Surroundings): Command {
  const command = new Command('completion')
    .description('Print the completion of commands, options and names of workspaces for a shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(shells)))
    .action((shell: string, _options: object, self: Command) =>
      around.out(shells[shell]?.(completed(self.parent ?? self)) ?? ''),
    );
  return withExamples(command, [
    ['source <(dormouse completion bash)', 'in ~/.bashrc; for zsh the same with zsh in ~/.zshrc'],
    ['dormouse completion fish | source', 'in ~/.config/fish/config.fish'],
  ]);
}
