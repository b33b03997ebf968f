import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './program.ts';

const chart = fileURLToPath(new URL('../../charts/dormouse', import.meta.url));

/** The installed release, handled with the real helm. */
export class Release {
  readonly name = 'dormouse';
  readonly namespace: string;
  readonly #directory: string;
  readonly #values: string;
  readonly #version4: boolean;

  private constructor(namespace: string, directory: string, values: string, version4: boolean) {
    this.namespace = namespace;
    this.#directory = directory;
    this.#values = values;
    this.#version4 = version4;
  }

  /** Remembers the values that the release was installed with, so that it can be brought back whatever happens. */
  static async find(namespace: string): Promise<Release> {
    const directory = await mkdtemp(join(tmpdir(), 'dormouse-helm-'));
    const values = join(directory, 'values.yaml');
    await writeFile(
      values,
      await helm(['get', 'values', 'dormouse', '--namespace', namespace, '--output', 'yaml']),
    );
    const version = await helm(['version', '--template', '{{.Version}}']);
    return new Release(namespace, directory, values, version.startsWith('v4'));
  }

  /** Installs or upgrades, from the chart of this checkout unless told otherwise, and waits until everything is ready. */
  async install(options: { chart?: string; set?: string[] } = {}): Promise<string> {
    return helm([
      'upgrade',
      '--install',
      this.name,
      options.chart ?? chart,
      ...['--namespace', this.namespace, '--values', this.#values, '--wait', '--timeout', '3m'],
      ...(options.set ?? []).flatMap((value) => ['--set', value]),
      ...(this.#version4 ? ['--force-conflicts'] : []),
    ]);
  }

  uninstall(): Promise<string> {
    return helm(['uninstall', this.name, '--namespace', this.namespace, '--wait', '--timeout', '3m']);
  }

  /** What the chart comes to with these values, by helm alone; fails where lint finds anything. */
  async render(set: string[]): Promise<string> {
    const values = set.flatMap((value) => ['--set', value]);
    await helm(['lint', '--strict', chart, ...values]);
    return helm(['template', this.name, chart, '--namespace', this.namespace, ...values]);
  }

  /** A copy of the chart with one of its files changed. */
  async changedChart(file: string, change: (text: string) => string): Promise<string> {
    const copy = await mkdtemp(join(this.#directory, 'chart-'));
    await cp(chart, copy, { recursive: true });
    const path = join(copy, file);
    const before = await readFile(path, 'utf8');
    const after = change(before);
    if (after === before) throw new Error(`${file}: the change changes nothing`);
    await writeFile(path, after);
    return copy;
  }

  async forget(): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}

/** What helm prints; an exit code other than 0 is an error with what it said. */
async function helm(args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('helm', args);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: exit code ${code}: ${stderr}`);
  return stdout;
}
