/** One instruction of a Containerfile, for what the three images here need: they copy onto a base and say how to run. */
export type Instruction =
  | { kind: 'from'; image: string }
  | { kind: 'copy'; sources: string[]; destination: string; mode: number | undefined; owner: number }
  | { kind: 'env'; values: Record<string, string> }
  | { kind: 'user'; user: string }
  | { kind: 'workdir'; path: string }
  | { kind: 'entrypoint'; command: string[] }
  | { kind: 'label'; values: Record<string, string> };

/** Says which line of which file can't be carried out. */
export class ContainerfileError extends Error {
  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`);
  }
}

/** Reads a Containerfile. `values` stand in for `$NAME` of its ARGs. Throws ContainerfileError at what isn't copying. */
export function parseContainerfile(text: string, values: Record<string, string>): Instruction[] {
  const instructions: Instruction[] = [];
  const known: Record<string, string> = {};
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, word = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? [];
    const args = rest.replace(/\$\{?(\w+)\}?/g, (_, name: string) => {
      const value = known[name];
      if (value === undefined) throw new ContainerfileError(index + 1, `$${name} has no value`);
      return value;
    });
    if (word === 'ARG') {
      const [name = '', preset] = args.split('=');
      const value = values[name] ?? preset;
      if (value !== undefined) known[name] = value;
      continue;
    }
    instructions.push(instruction(word, args, index + 1));
  }
  return instructions;
}

function instruction(word: string, args: string, line: number): Instruction {
  switch (word) {
    case 'FROM':
      return { kind: 'from', image: args };
    case 'COPY':
      return copy(args, line);
    case 'ENV':
      return { kind: 'env', values: pairs(args, line) };
    case 'LABEL':
      return { kind: 'label', values: pairs(args, line) };
    case 'USER':
      return { kind: 'user', user: args };
    case 'WORKDIR':
      return { kind: 'workdir', path: args };
    case 'ENTRYPOINT':
      return { kind: 'entrypoint', command: list(args, line) };
    default:
      throw new ContainerfileError(
        line,
        `${word} does more than copying: it belongs into base.Containerfile`,
      );
  }
}

function copy(args: string, line: number): Instruction {
  const words = args.split(/\s+/);
  let mode: number | undefined;
  let owner = 0;
  for (; words[0]?.startsWith('--'); words.shift()) {
    const [flag, value = ''] = words[0].split('=');
    if (flag === '--chmod' && /^[0-7]{3,4}$/.test(value)) mode = Number.parseInt(value, 8);
    else if (flag === '--chown' && /^\d+:\d+$/.test(value)) owner = Number.parseInt(value, 10);
    else throw new ContainerfileError(line, `${words[0]} is not understood here`);
  }
  const destination = words.pop();
  if (destination === undefined || words.length === 0)
    throw new ContainerfileError(line, 'COPY takes a source and a destination');
  return { kind: 'copy', sources: words, destination, mode, owner };
}

function pairs(args: string, line: number): Record<string, string> {
  const found = [...args.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)];
  if (found.length === 0) throw new ContainerfileError(line, 'expected NAME=VALUE');
  return Object.fromEntries(found.map(([, name, quoted, bare]) => [name, quoted ?? bare ?? '']));
}

function list(args: string, line: number): string[] {
  try {
    const value: unknown = JSON.parse(args);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch {
    throw new ContainerfileError(line, `not a JSON list: ${args}`);
  }
  throw new ContainerfileError(line, `not a list of strings: ${args}`);
}
