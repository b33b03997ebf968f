import type { Combined } from '../hooks/combine.ts';
import type { HookEvent } from '../hooks/hook.ts';
import type { ElicitationHooks, Elicited, ServerQuestion } from '../mcp/elicit.ts';
import type { InboxRecord } from './inbox-record.ts';
import type { RoundContext } from './tool-round.ts';

type ElicitedRecord = Extract<InboxRecord, { type: 'elicited' }>;
type Verdict = Pick<ElicitedRecord, 'action' | 'content' | 'messages' | 'stop'>;
type Event = Extract<HookEvent, 'Elicitation' | 'ElicitationResult'>;

/** Characters of a question that are kept with what hooks said of it. */
const maxMessage = 1_500;

/**
 * Elicitation and ElicitationResult within one call. What they said is on disk before it counts: a call that waits is run again, and they
 * are not asked again about a question that they, or a person, have answered.
 */
export function elicitationHooksFor(round: RoundContext, toolUseId: string): ElicitationHooks {
  const { logs, host, signal, hooks } = round;
  const known = (event: Event, { key }: ServerQuestion) =>
    key === undefined
      ? undefined
      : logs.ledger.elicited.get(toolUseId)?.find((it) => it.event === event && it.key === key);

  async function fire(
    event: Event,
    question: ServerQuestion,
    about: object,
    verdictOf: (said: Combined) => Verdict,
  ): Promise<Verdict | undefined> {
    const { server, wanted, key } = question;
    const said = await hooks.fire(event, server, { ...aboutQuestion(question), ...about });
    if (said === undefined) return undefined;
    const record: ElicitedRecord = {
      ...{ type: 'elicited', event, toolUseId, at: new Date().toISOString(), server },
      ...(key !== undefined && { key }),
      message: wanted.message.slice(0, maxMessage),
      ...verdictOf(said),
    };
    await host.health.insist(signal, () => logs.appendRecords(record));
    return record;
  }

  return {
    async instead(question) {
      const before = known('Elicitation', question);
      // Its turn is to end: nobody need answer any more.
      if (before === undefined && saidOfQuestions(round, toolUseId)?.stop !== undefined)
        return { action: 'cancel' };
      // It waits for a person, or has their answer: hooks that are new since have no say in that.
      if (before === undefined && question.asked) return undefined;
      const { message, requestedSchema, url } = question.wanted;
      const about = {
        message,
        ...(requestedSchema !== undefined && { requested_schema: requestedSchema }),
        ...(typeof url === 'string' && { url }),
      };
      const verdict =
        before ?? (await fire('Elicitation', question, about, (said) => verdictInstead(said, question)));
      return verdict && answerOf(verdict);
    },
    async afterwards(question, answer) {
      const verdict =
        known('ElicitationResult', question) ??
        (await fire('ElicitationResult', question, { ...answer }, (said) =>
          verdictAfterwards(said, question, answer),
        ));
      return (verdict && answerOf(verdict)) ?? answer;
    },
  };
}

/** What hooks had for a person during a call, and whether its turn ends. Undefined: none had a say. */
export function saidOfQuestions(
  { logs }: Pick<RoundContext, 'logs'>,
  toolUseId: string,
): { messages: string[]; stop: string | undefined } | undefined {
  const records = logs.ledger.elicited.get(toolUseId);
  return (
    records && {
      messages: records.flatMap(({ messages }) => messages),
      stop: records.find(({ stop }) => stop !== undefined)?.stop,
    }
  );
}

function aboutQuestion({ server, wanted: { mode = 'form', elicitationId } }: ServerQuestion): object {
  return {
    mcp_server_name: server,
    mode,
    ...(typeof elicitationId === 'string' && { elicitation_id: elicitationId }),
  };
}

/** An answer that is none to this question counts for nothing: a person is asked. */
function verdictInstead({ elicitation, messages, stop }: Combined, question: ServerQuestion): Verdict {
  if (stop !== undefined) return { action: refusing(elicitation?.action), messages, stop };
  if (elicitation?.action === undefined) return { messages };
  if (elicitation.action !== 'accept') return { action: elicitation.action, messages };
  const accepted = question.accepted(elicitation.content ?? {});
  if (typeof accepted !== 'string') return { ...ofElicited(accepted), messages };
  return { messages: [...messages, `A hook answered what cannot be, so a person was asked. ${accepted}`] };
}

/** What was to replace an answer, and cannot, has it declined: the hook did not want it to go out as it was. */
function verdictAfterwards(
  { elicitation, messages, stop }: Combined,
  question: ServerQuestion,
  answer: Elicited,
): Verdict {
  if (stop !== undefined) return { action: refusing(elicitation?.action), messages, stop };
  const action = elicitation?.action ?? answer.action;
  if (elicitation === undefined || (action === answer.action && elicitation.content === undefined))
    return { messages };
  if (action !== 'accept') return { action, messages };
  const accepted = question.accepted(elicitation.content ?? {});
  if (typeof accepted !== 'string') return { ...ofElicited(accepted), messages };
  return {
    action: 'decline',
    messages: [...messages, `A hook changed an answer to what cannot be, so it was declined. ${accepted}`],
  };
}

/** The turn ends: nothing is accepted. */
function refusing(action: Elicited['action'] | undefined): 'decline' | 'cancel' {
  return action === 'decline' ? 'decline' : 'cancel';
}

function ofElicited({ action, content }: Elicited): Pick<Verdict, 'action' | 'content'> {
  return { action, ...(content !== undefined && { content }) };
}

function answerOf({ action, content }: Verdict): Elicited | undefined {
  return action && { action, ...(content !== undefined && { content }) };
}
