import { type AgentMessage, apiVersion } from '@dormouse/crds';
import type { KubernetesObject } from '../support/cluster.ts';
import type { Workspaces } from '../support/workspaces.ts';
import type { Task } from './task.ts';

/** How a task went. */
export interface Result {
  task: string;
  passed: boolean;
  /** Why not. */
  why?: string;
  /** Answers of the model. */
  turns: number;
  tokens: number;
  seconds: number;
}

export interface AttemptOptions {
  /** The workspace, which runs: each task has a folder and a session of its own in it. */
  workspace: string;
  /** Tells the scripted model what to do, instead of saying what is wanted. */
  scripted: boolean;
  /** Milliseconds for the agent. */
  limit: number;
}

type Message = KubernetesObject & AgentMessage;

/** Has the agent of a workspace do a task, by messages alone as a user would, and looks whether it was done. */
export async function attempt(
  workspaces: Workspaces,
  task: Task,
  { workspace, scripted, limit }: AttemptOptions,
): Promise<Result> {
  const began = performance.now();
  const ended = (why: string | undefined, turns = 0, tokens = 0): Result => {
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    return {
      task: task.name,
      passed: why === undefined,
      ...(why !== undefined && { why }),
      turns,
      tokens,
      seconds,
    };
  };
  const folder = `~/tasks/${task.name}`;
  const inFolder = (script: string) =>
    workspaces.inWorkspace(
      workspace,
      `export HOME=/home/agent TASK=${task.name}; mkdir -p ${folder} && cd ${folder} && set -euo pipefail\n${script}`,
    );
  const setup = await inFolder(task.setup);
  if (setup.code !== 0) return ended(`its setup failed: ${setup.stderr}`);
  if ((await inFolder(task.check)).code === 0) return ended('its check passes before anything was done');
  const text = scripted
    ? `run: cd ${folder}\n${task.solution}`
    : `Work in the folder ${folder}.\n\n${task.prompt}`;
  const message = await settled(
    workspaces,
    workspace,
    await workspaces.send(workspace, text, task.name),
    task,
    limit,
  );
  const lines = await workspaces.transcript(workspace, task.name);
  const turns = lines.filter((line) => line.message?.role === 'assistant').length;
  const tokens = Object.values(message.status?.usage ?? {}).reduce((sum, count) => sum + count, 0);
  const { phase, reason, reply } = message.status ?? {};
  if (phase !== 'Completed')
    return ended(`its message ${phase}: ${reason}: ${message.status?.message}`, turns, tokens);
  const check = await inFolder(`set -x\n${task.check}`);
  if (check.code === 0) return ended(undefined, turns, tokens);
  return ended(
    `its check failed: ${check.stderr.slice(-500)}\nthe agent said: ${reply?.text}`,
    turns,
    tokens,
  );
}

/** The message when it has ended; what it asks on the way is answered as the task says. */
async function settled(
  workspaces: Workspaces,
  workspace: string,
  name: string,
  { answers }: Task,
  limit: number,
): Promise<Message> {
  const asked = new Set<string>();
  const left = [...answers];
  for (;;) {
    const open = (message: Message | undefined) =>
      (message?.status?.pendingApprovals ?? []).filter(({ id }) => !asked.has(id));
    const message = await workspaces.cluster.waitFor<Message>(
      workspaces.message(name),
      'ended, or asks',
      (each) => ['Completed', 'Failed'].includes(each?.status?.phase ?? '') || open(each).length > 0,
      limit,
    );
    const questions = open(message);
    if (questions.length === 0) return message as Message;
    for (const { id } of questions) {
      asked.add(id);
      const answer = left.shift();
      const approval =
        answer === undefined
          ? { id, decision: 'Deny', reason: 'Nobody is there: decide yourself.' }
          : { id, decision: 'Allow', answers: [answer] };
      await workspaces.cluster.create({
        apiVersion,
        kind: 'AgentMessage',
        metadata: {
          name: `answer-${id.toLowerCase().replace(/[^a-z0-9]/g, '')}`,
          namespace: workspaces.namespace,
        },
        spec: { workspaceRef: { name: workspace }, approval },
      } as KubernetesObject);
    }
  }
}
