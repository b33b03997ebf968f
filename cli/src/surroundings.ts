import type { Clock, Credentials, KubeClient } from '@dormouse/operator/kube';
import type { Tty } from './terminal/tty.ts';

/** Which cluster, and which namespace of it, as the options of the command line say. */
export interface AccessChoice {
  /** One file, or several as in `KUBECONFIG`. Default: that variable, else `~/.kube/config`. */
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/** A cluster, reached with the credentials of the person who asks. */
export interface Access {
  kube: KubeClient;
  /** The namespace that was chosen, else the one of the context, else `default`. */
  namespace: string;
  /** The URL of the API server. */
  server: string;
  /** How the person proves who they are, for what `kube` has no request for. */
  credentials: Credentials;
}

/** Everything that a command touches outside itself. */
export interface Surroundings {
  /** How the person called the program: `dormouse` or `kubectl dormouse`. */
  program: string;
  env: Record<string, string | undefined>;
  clock: Clock;
  /** Text of so many characters out of 0-9a-z that nobody else has. */
  random(length: number): string;
  /** Standard output: results, for people and programs. */
  out(text: string): void;
  /** Standard error: what is told to a person meanwhile. */
  err(text: string): void;
  /** Which of the three are a terminal, and its width in characters. */
  terminal: { in: boolean; out: boolean; err: boolean; columns: number };
  /** All of standard input. */
  input(): Promise<string>;
  /** One line that the person types after `question`. */
  ask(question: string): Promise<string>;
  /** The streams of the terminal themselves, for what is more than lines of text. */
  tty: Tty;
  /** Text of a file. */
  readFile(path: string): Promise<string>;
  /** Replaces a file of this program's own as a whole, which only the person may read; its folder is made. */
  keepFile(path: string, text: string): Promise<void>;
  /** Aborted, with the reason to tell, when the person presses Ctrl-C. */
  signal: AbortSignal;
  connect(choice: AccessChoice): Promise<Access>;
}
