import type {
  CheckpointState,
  MessageRecord,
  RewindTarget,
  RuntimeState,
} from '@dormouse/agent-runtime/protocol';
import { AgentRefusedError, AgentUnreachableError } from '../../runtime/index.ts';

/** What is on the claim: it outlives pods and crashes. */
export interface Volume {
  /** In the order of arrival. A key is there once, whatever is sent how often. */
  inbox: Map<string, MessageRecord>;
  /** Keys in the order in which they entered the transcript. */
  transcript: string[];
  /** Digests of whole manifests, by sequence. */
  manifests: Map<number, string>;
  /** How far everything was when each was taken. */
  cursors: Map<number, number>;
  lastSequence: number;
  cursor: number;
  /** The last rewind that it is the outcome of. */
  rewound?: RewindTarget;
  /** Questions to a person, with the key of the answer where there is one. */
  questions: Map<string, string | undefined>;
  /** When it asked to be awake (milliseconds); gone once it was. */
  wakeAt: number | undefined;
}

export function emptyVolume(): Volume {
  return {
    inbox: new Map(),
    transcript: [],
    manifests: new Map(),
    cursors: new Map(),
    lastSequence: 0,
    cursor: 0,
    questions: new Map(),
    wakeAt: undefined,
  };
}

/** One agentd in one pod. What it says is what the operator hears when it listens, not before. */
export class SimulatedAgent {
  readonly podUID: string;
  readonly workspaceUID: string;
  readonly volume: Volume;
  alive = true;
  revision = '';
  #boots = 1;
  #checkpoint: CheckpointState | undefined;
  #activityAt: number;
  readonly #now: () => number;
  readonly #began: (key: string) => void;

  /** @param began told of each message that is begun */
  constructor(
    podUID: string,
    workspaceUID: string,
    volume: Volume,
    now: () => number,
    began: (key: string) => void = () => undefined,
  ) {
    this.podUID = podUID;
    this.workspaceUID = workspaceUID;
    this.volume = volume;
    this.#now = now;
    this.#began = began;
    this.#activityAt = now();
  }

  get busy(): boolean {
    return [...this.volume.inbox.values()].some(
      (each) => each.phase === 'Queued' || (each.phase === 'Working' && each.reason === undefined),
    );
  }

  get held(): boolean {
    return (
      this.#checkpoint?.hold === true &&
      (this.#checkpoint.phase === 'InProgress' || this.#checkpoint.phase === 'Completed')
    );
  }

  /** Whether it may be killed: everything is on the volume, and nothing more will be. */
  get atRest(): boolean {
    return this.#checkpoint?.hold === true && this.#checkpoint.phase === 'Completed';
  }

  /** The process ends and is started again in the same pod. */
  crash(): void {
    this.#boots += 1;
    this.#checkpoint = undefined;
    // Nothing is held any more: what it starts again writes.
    this.volume.cursor += 1;
    this.#activityAt = this.#now();
  }

  /** What a first start on a copy of an earlier volume does; says whether it could. */
  rewind(target: RewindTarget): boolean {
    const { volume } = this;
    if (volume.rewound?.id === target.id) return true;
    if (!volume.manifests.has(target.sequence)) return false;
    for (const [key, record] of volume.inbox)
      if (record.phase === 'Queued' || record.phase === 'Working')
        volume.inbox.set(key, { ...record, phase: 'Failed', completedAt: this.#time() });
    volume.questions.clear();
    volume.rewound = target;
    volume.cursor += 1_000;
    return true;
  }

  /** One step of work; says whether there was any. */
  work(): boolean {
    if (this.held) return false;
    if (this.volume.wakeAt !== undefined && this.volume.wakeAt <= this.#now()) {
      this.volume.wakeAt = undefined;
      this.volume.cursor += 1;
      this.#activityAt = this.#now();
      return true;
    }
    for (const [key, record] of this.volume.inbox) {
      if (record.phase === 'Queued') {
        this.volume.inbox.set(key, { ...record, phase: 'Working', startedAt: this.#time() });
        this.#began(key);
      } else if (record.phase === 'Working' && record.reason === undefined) {
        this.volume.inbox.set(key, {
          ...record,
          phase: 'Completed',
          completedAt: this.#time(),
          reply: { text: `done ${key}`, entry: `entry-${key}` },
        });
      } else continue;
      this.#activityAt = this.#now();
      this.volume.cursor += 1;
      return true;
    }
    return false;
  }

  /** The checkpoint under way gets done, or does not. */
  progress(outcome: 'Completed' | 'Failed'): void {
    const taken = this.#checkpoint;
    if (taken?.phase !== 'InProgress') return;
    const digest = `sha256:${taken.sequence.toString(16).padStart(64, '0')}`;
    if (outcome === 'Completed') {
      this.volume.manifests.set(taken.sequence, digest);
      this.volume.cursors.set(taken.sequence, this.volume.cursor);
    }
    this.#checkpoint = {
      ...taken,
      phase: outcome,
      completedAt: this.#time(),
      ...(outcome === 'Completed' ? { digest, bytes: 1, sessions: 1 } : { message: 'no space left' }),
    };
  }

  post(key: string, session: string): MessageRecord {
    this.#answering();
    const known = this.volume.inbox.get(key);
    if (known !== undefined) return known;
    if (this.held) throw new AgentRefusedError(409, 'checkpointing', 'a checkpoint is being taken');
    const record: MessageRecord = { key, session, phase: 'Queued', receivedAt: this.#time() };
    this.volume.inbox.set(key, record);
    this.volume.transcript.push(key);
    this.volume.cursor += 1;
    this.#activityAt = this.#now();
    return record;
  }

  /** A tool call waits for a person. */
  ask(id: string): void {
    this.volume.questions.set(id, undefined);
    this.volume.cursor += 1;
  }

  answer(id: string, key: string): void {
    this.#answering();
    if (this.held) throw new AgentRefusedError(409, 'checkpointing', 'a checkpoint is being taken');
    if (!this.volume.questions.has(id)) throw new AgentRefusedError(404, 'not_found', 'no such question');
    const by = this.volume.questions.get(id);
    if (by !== undefined && by !== key) throw new AgentRefusedError(409, 'conflict', 'answered before');
    this.volume.questions.set(id, key);
    this.volume.cursor += 1;
    this.#activityAt = this.#now();
  }

  requestCheckpoint(sequence: number, trigger: string, hold: boolean): CheckpointState {
    this.#answering();
    if (this.#checkpoint?.sequence === sequence) return this.#checkpoint;
    if (this.busy) throw new AgentRefusedError(409, 'busy', 'a turn is under way');
    if (this.held) throw new AgentRefusedError(409, 'checkpointing', 'another one is being taken');
    this.volume.lastSequence = Math.max(this.volume.lastSequence, sequence);
    this.#checkpoint = { sequence, trigger, hold, phase: 'InProgress', startedAt: this.#time() };
    return this.#checkpoint;
  }

  cancelCheckpoint(sequence: number): void {
    this.#answering();
    if (this.#checkpoint?.sequence !== sequence) return;
    this.#checkpoint =
      this.#checkpoint.phase === 'InProgress'
        ? { ...this.#checkpoint, phase: 'Cancelled', hold: false }
        : { ...this.#checkpoint, hold: false };
  }

  manifestDigest(sequence: number): string {
    this.#answering();
    const digest = this.volume.manifests.get(sequence);
    if (digest === undefined) throw new AgentRefusedError(404, 'not_found', 'no such checkpoint');
    return digest;
  }

  state(): RuntimeState {
    return {
      bootId: `${this.podUID}-${this.#boots}`,
      workspace: { namespace: 'team', name: 'hello', uid: this.workspaceUID },
      configRevision: this.revision,
      cursor: this.volume.cursor,
      busy: this.busy,
      busyReasons: this.busy ? [{ kind: 'turn', detail: 'a turn' }] : [],
      lastActivityAt: new Date(this.#activityAt).toISOString(),
      sessions: [],
      openMessages: 0,
      approvals: [...this.volume.questions]
        .filter(([, by]) => by === undefined)
        .map(([id]) => ({
          ...{ id, session: 'default', toolUseId: `t-${id}`, tool: 'Bash', summary: 'make' },
          requestedAt: '2026-01-01T00:00:00.000Z',
        })),
      ...(this.volume.wakeAt !== undefined && { nextWakeAt: new Date(this.volume.wakeAt).toISOString() }),
      background: [],
      subagents: [],
      plugins: [],
      services: [],
      tools: 'ready',
      ...(this.#checkpoint === undefined ? {} : { checkpoint: this.#checkpoint }),
      lastSequence: this.volume.lastSequence,
      ...(this.volume.rewound === undefined ? {} : { rewound: this.volume.rewound }),
      restore: { outcome: 'Fresh', processes: 'None', rejected: [], restored: [], restarted: [], ended: [] },
    };
  }

  #answering(): void {
    if (!this.alive) throw new AgentUnreachableError('connection refused');
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}
