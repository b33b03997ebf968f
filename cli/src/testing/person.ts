import { PassThrough } from 'node:stream';
import { HttpKubeClient } from '@dormouse/operator/kube';
import { ApiServer } from '../../../test/support/api-server/index.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Interrupted } from '../failure.ts';
import { run } from '../run.ts';
import type { Surroundings } from '../surroundings.ts';

/** What a command printed and how it ended. */
export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** A command that runs, with what it has printed so far. */
export interface Running {
  ended: Promise<Ended>;
  out(): string;
  err(): string;
  /** Types into the terminal, or writes to standard input. */
  type(keys: string): void;
  /** Ctrl-C. */
  interrupt(): void;
}

const own = 'apis/dormouse.dev/v1alpha1';

/** Collections of the stand-in API server. */
export const collections = {
  workspaces: `${own}/agentworkspaces`,
  messages: `${own}/agentmessages`,
  checkpoints: `${own}/agentcheckpoints`,
  classes: `${own}/agentworkspaceclasses`,
  definitions: 'apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  deployments: 'apis/apps/v1/deployments',
  leases: 'apis/coordination.k8s.io/v1/leases',
  storageClasses: 'apis/storage.k8s.io/v1/storageclasses',
  events: 'api/v1/events',
  secrets: 'api/v1/secrets',
} as const;

/** A person at a keyboard, and a stand-in API server: namespace `team`, at midnight of 1 January 2030. */
export class Person implements AsyncDisposable {
  readonly server = new ApiServer();
  readonly clock = new FakeClock();
  /** What is a terminal. */
  terminal = { in: false, out: false, err: false };
  size = { columns: 100, rows: 30 };
  /** Whether the terminal gives every key as it is typed. */
  raw = false;
  readonly #resized = new Set<() => void>();
  env: Record<string, string | undefined> = {};
  /** Their bearer token; empty: they prove otherwise who they are, by a certificate say. */
  token = '';
  /** What is on standard input. */
  input = '';
  /** What the person types when asked. */
  answer = '';
  files: Record<string, string> = {};
  asked: string[] = [];
  /** Of the stand-in API server. */
  url = '';
  #names = 0;

  static async atKeyboard(): Promise<Person> {
    const person = new Person();
    person.url = await person.server.start();
    return person;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }

  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** Begins a command. */
  start(...args: string[]): Running {
    let out = '';
    let err = '';
    const interrupt = new AbortController();
    const { url } = this;
    const keyboard = new PassThrough();
    if (!this.terminal.in) keyboard.end(this.input);
    const screen = new PassThrough();
    screen.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    const around: Surroundings = {
      program: 'dormouse',
      env: this.env,
      clock: this.clock,
      random: (length) => String(++this.#names).padStart(length, 'x'),
      out: (text) => {
        out += text;
      },
      err: (text) => {
        err += text;
      },
      terminal: { ...this.terminal, columns: this.size.columns },
      input: async () => this.input,
      ask: async (question) => {
        this.asked.push(question);
        return this.answer;
      },
      tty: {
        input: keyboard,
        output: screen,
        size: () => this.size,
        resized: (changed) => {
          this.#resized.add(changed);
          return () => this.#resized.delete(changed);
        },
        raw: () => {
          this.raw = true;
          return {
            [Symbol.dispose]: () => {
              this.raw = false;
            },
          };
        },
      },
      keepFile: async (path, text) => {
        this.files[path] = text;
      },
      readFile: async (path) => {
        const text = this.files[path];
        if (text === undefined) throw new Error(`no file ${path}`);
        return text;
      },
      signal: interrupt.signal,
      connect: async ({ namespace = 'team' }) => {
        const headers = { ...(this.token !== '' && { authorization: `Bearer ${this.token}` }) };
        const credentials = { server: url, proof: async () => ({ tls: {}, headers }) };
        return { kube: new HttpKubeClient({ credentials }), namespace, server: url, credentials };
      },
    };
    return {
      ended: run(args, around).then((code) => ({ code, out, err })),
      out: () => out,
      err: () => err,
      type: (keys) => void keyboard.write(keys),
      interrupt: () => interrupt.abort(new Interrupted()),
    };
  }

  /** The window of the terminal gets another size. */
  resize(columns: number, rows: number): void {
    this.size = { columns, rows };
    for (const changed of this.#resized) changed();
  }

  /** Puts a workspace into the cluster, or changes the one that is there; `spec` and `status` over what is usual. */
  workspace(
    name: string,
    state: { metadata?: object; spec?: object; status?: object } = {},
    namespace = 'team',
  ) {
    return this.server.objects.put(collections.workspaces, `${namespace}/${name}`, {
      metadata: {
        name,
        namespace,
        generation: 1,
        creationTimestamp: '2029-12-31T20:00:00Z',
        ...state.metadata,
      },
      spec: {
        runPolicy: 'Auto',
        storage: { size: '2Gi', retain: 'Delete' },
        idle: { after: '15m' },
        checkpoint: { processes: 'Restart', keep: 3 },
        agent: {},
        ...state.spec,
      },
      ...(state.status !== undefined && { status: { observedGeneration: 1, ...state.status } }),
    } as { metadata: { name: string } });
  }

  /** Puts a message into the cluster. */
  message(
    name: string,
    workspace: string,
    state: { spec?: object; status?: object } = {},
    namespace = 'team',
  ) {
    return this.server.objects.put(collections.messages, `${namespace}/${name}`, {
      metadata: { name, namespace, creationTimestamp: '2029-12-31T23:50:00Z' },
      spec: { workspaceRef: { name: workspace }, session: 'default', text: 'how are you?', ...state.spec },
      ...(state.status !== undefined && { status: state.status }),
    } as { metadata: { name: string } });
  }

  /** The status of an object that is there, as the operator would write it. */
  status(collection: string, name: string, status: object): void {
    const key = `team/${name}`;
    const object = this.server.objects.get(collection, key);
    if (object === undefined) throw new Error(`there is no ${collection} ${key}`);
    const changed = { ...object, status };
    this.server.objects.put(collection, key, changed);
  }
}
