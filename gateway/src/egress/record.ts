import type { EgressOutcome } from './refusal.ts';

/** Where a workspace went or wanted to go. No path, no header, no body. */
export interface EgressRecord {
  action: 'egress';
  /** `NAMESPACE/NAME`. */
  workspace: string;
  /** `CONNECT`, or the method of a plain request. */
  method: string;
  host: string;
  port: number;
  /** What it was connected to. */
  address?: string;
  /**
   * `allowed` when the connection is open; another line tells of its end: `ended`, or what else became of it. Without a first line
   * it was not opened: `left` (the client did), or the reason of a refusal.
   */
  outcome: 'allowed' | 'ended' | 'left' | 'internal' | EgressOutcome;
  /** Bytes of bodies and tunnels. */
  sent: number;
  received: number;
  milliseconds: number;
}
