import type { Command } from 'commander';

/** What a shell can offer for one command. */
export interface Completed {
  name: string;
  summary: string;
  /** Whether its first argument is the name of a workspace. */
  takesWorkspace: boolean;
  options: { flags: string[]; summary: string; values: string[]; takesValue: boolean }[];
  /** Fixed words for its first argument. */
  words: string[];
}

/** Every command below `root`, with the options that it takes, those of `root` included. */
export function completed(root: Command): Completed[] {
  return root.commands.map((command) => ({
    name: command.name(),
    summary: firstSentence(command.description()),
    takesWorkspace: command.registeredArguments[0]?.name() === 'name' && command.name() !== 'new',
    words: command.registeredArguments[0]?.argChoices ?? [],
    options: [...command.options, ...root.options].map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined),
      summary: option.description,
      values: option.argChoices ?? [],
      takesValue: option.required || option.optional,
    })),
  }));
}

/** What a description says first, up to its first period or colon. */
export function firstSentence(text: string): string {
  return /^[^.:]*/.exec(text)?.[0] ?? text;
}
