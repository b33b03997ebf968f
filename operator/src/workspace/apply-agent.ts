import type { MessageRecord } from '@dormouse/agent-runtime/protocol';
import type { AgentMessage } from '@dormouse/crds';
import { recordOfAnswer } from '../message/plan.ts';
import {
  type AgentConnection,
  AgentRefusedError,
  AgentUnreachableError,
  withAnsweredCheckpoint,
} from '../runtime/index.ts';
import type { Action } from './actions.ts';
import type { Work } from './apply.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';

type AgentAction = Extract<
  Action,
  {
    do:
      | 'pushConfig'
      | 'deliver'
      | 'requestCheckpoint'
      | 'cancelCheckpoint'
      | 'verifyCheckpoint'
      | 'confirmHold';
  }
>;

const names = new Set<Action['do']>([
  'pushConfig',
  'deliver',
  'requestCheckpoint',
  'cancelCheckpoint',
  'verifyCheckpoint',
  'confirmHold',
] satisfies AgentAction['do'][]);

export function isAgentAction(action: Action): action is AgentAction {
  return names.has(action.do);
}

/** Milliseconds to wait after agentd asked to come back later: a checkpoint takes about that long. */
const comeBack = { checkpointing: 50, other: 2_000 };

/** Asks something of the agent. A refusal goes into memory, where the next plan finds it. */
export async function applyToAgent(action: AgentAction, work: Work, around: Surroundings): Promise<void> {
  const connection = around.agent(work.snapshot.name);
  if (connection === undefined) throw new StaleError('the connection to the agent is gone');
  try {
    await ask(action, connection, work, around);
  } catch (error) {
    // The stream notices as well, and the plan is made anew when it is back.
    if (error instanceof AgentUnreachableError) throw new StaleError(error.message, { cause: error });
    throw error;
  }
}

/** Gives the agent a prompt, or the answer to a question of its. Rejects as the client does. */
async function deliver(
  message: AgentMessage,
  client: AgentConnection['client'],
  now: number,
): Promise<MessageRecord> {
  const { session, from, sender, text = '', attachments, approval } = message.spec;
  const key = message.metadata.uid ?? '';
  if (approval !== undefined) {
    const { id, reason, answers } = approval;
    const decision = approval.decision === 'Allow' ? 'allow' : 'deny';
    const answered = (refused?: AgentRefusedError) => recordOfAnswer(message, now, refused);
    try {
      await client.answerApproval(id, {
        decision,
        key,
        ...(reason === undefined ? {} : { reason }),
        ...(answers === undefined ? {} : { answers }),
      });
      return answered() as MessageRecord;
    } catch (error) {
      const failed = error instanceof AgentRefusedError ? answered(error) : undefined;
      if (failed === undefined) throw error;
      return failed;
    }
  }
  return client.postMessage({
    key,
    session,
    ...(from === undefined ? {} : { from }),
    ...(sender === undefined ? {} : { sender }),
    text,
    ...(attachments === undefined
      ? {}
      : {
          attachments: attachments.map(({ path, description }) => ({
            path,
            ...(description === undefined ? {} : { description }),
          })),
        }),
  });
}

async function ask(
  action: AgentAction,
  agent: NonNullable<ReturnType<Surroundings['agent']>>,
  { snapshot, memory }: Work,
  around: Surroundings,
): Promise<void> {
  switch (action.do) {
    case 'deliver': {
      const message = snapshot.messages.find((each) => each.metadata.uid === action.uid);
      if (message === undefined) throw new StaleError('the message is gone');
      try {
        agent.noteRecord(action.uid, await deliver(message, agent.client, around.now()));
        delete memory.deliverProblem;
      } catch (error) {
        if (!(error instanceof AgentRefusedError)) throw error;
        if (error.code === 'invalid' || error.code === 'not_found' || error.code === 'conflict') {
          memory.refusedMessages.set(action.uid, error.message);
          return;
        }
        const held = error.code === 'checkpointing';
        memory.deliverNotBefore = around.now() + (held ? comeBack.checkpointing : comeBack.other);
        if (!held) memory.deliverProblem = `The agent does not take the message now: ${error.message}`;
        throw new StaleError(error.message, { cause: error });
      }
      return;
    }
    case 'pushConfig': {
      const { config } = action;
      try {
        await agent.client.putConfig({ config });
        agent.note((state) => ({ ...state, configRevision: config.revision }));
        delete memory.configRejected;
      } catch (error) {
        if (!(error instanceof AgentRefusedError)) throw error;
        memory.configRejected = {
          revision: config.revision,
          message: `The agent refuses the new configuration: ${error.message}. The one before is in force.`,
        };
      }
      return;
    }
    case 'requestCheckpoint': {
      const { sequence, hold } = action;
      // To the agent it is one like any other; one that is older than rewinds takes it too, and says at the next start what it is.
      const trigger = action.trigger === 'BeforeRewind' ? 'Manual' : action.trigger;
      try {
        const taken = await agent.client.requestCheckpoint({ sequence, trigger, hold });
        agent.note((state) => withAnsweredCheckpoint(state, taken));
      } catch (error) {
        if (!(error instanceof AgentRefusedError)) throw error;
        memory.checkpointRefused = { sequence, message: error.message };
        memory.checkpointNotBefore = Math.max(memory.checkpointNotBefore, around.now() + 1_000);
      }
      return;
    }
    case 'cancelCheckpoint': {
      await agent.client.cancelCheckpoint(action.sequence);
      agent.note((state) =>
        state.checkpoint?.sequence === action.sequence
          ? {
              ...state,
              checkpoint:
                state.checkpoint.phase === 'InProgress'
                  ? { ...state.checkpoint, phase: 'Cancelled', hold: false }
                  : { ...state.checkpoint, hold: false },
            }
          : state,
      );
      return;
    }
    case 'confirmHold': {
      const state = await agent.client.state();
      const taken = state.checkpoint;
      if (taken?.sequence === action.sequence && taken.phase === 'Completed' && taken.hold) return;
      // A report with a later cursor came while this one was on its way.
      agent.note((known) => (known.cursor > state.cursor ? known : state));
      throw new LearntError('the agent no longer holds the checkpoint');
    }
    case 'verifyCheckpoint': {
      const { sequence, digest } = action;
      try {
        const computed = await agent.client.manifestDigest(sequence);
        memory.verified = {
          sequence,
          digest,
          ...(computed === digest
            ? {}
            : {
                problem: `The manifest of checkpoint ${sequence} has the digest ${computed}, the agent said ${digest}.`,
              }),
        };
      } catch (error) {
        if (!(error instanceof AgentRefusedError)) throw error;
        memory.verified = {
          sequence,
          digest,
          problem: `The manifest of checkpoint ${sequence} cannot be read: ${error.message}`,
        };
      }
      return;
    }
  }
}
