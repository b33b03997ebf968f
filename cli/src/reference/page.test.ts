import { describe, expect, it } from 'vitest';
import { program } from '../program.ts';
import { noSurroundings } from './no-surroundings.ts';
import { referencePage } from './page.ts';

const page = referencePage(program(noSurroundings));

describe('the reference of the command line', () => {
  it('has a section for each command, with its options, their choices and defaults, and examples', () => {
    expect(page).toContain('## wake\n\n`dormouse wake [options] <name>`');
    expect(page).toContain('| `--for <duration>` | how long it stays awake at least (default: `5m`) |');
    expect(page).toContain('| `-o, --output <format>` | how to show it: `wide`, `json`, `yaml`, `name` |');
    expect(page).toContain('# for a day of work\ndormouse wake ada --for 8h');
  });

  it('tells what each exit code means', () => {
    expect(page).toContain('| 130 | Ctrl-C |');
  });
});
