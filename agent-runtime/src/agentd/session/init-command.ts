/** What `/init` asks for, with what a person wrote behind it. */
export function initPrompt(args: string): string {
  return [
    'Write the file CLAUDE.md of the project in the working directory, or improve the one that is there: it is what every later conversation about this project begins with.',
    'Find out first, from the files and without asking: how it is built, tested, checked and run, also a single test; how its parts fit together, as far as one has to read several files to see it; which rules of its own it has that are not usual elsewhere. Look at README, at what builds and checks it, and at rules that it has for other agents (AGENTS.md, .cursorrules, .cursor/rules, .github/copilot-instructions.md).',
    'Then write what somebody needs who begins to work here, in at most a hundred lines: commands as they are typed, the architecture in a few paragraphs, the conventions. Leave out what one sees at a glance, what holds for any project, lists of all files, and whatever you did not find there. Of a file that is there, keep what is right and correct what is not.',
    'Say at the end in two or three sentences what you wrote, and what you could not find out.',
    ...(args === '' ? [] : [`Besides: ${args}`]),
  ].join('\n\n');
}
