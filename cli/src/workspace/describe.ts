import type { AgentCheckpoint, AgentMessage, AgentWorkspace } from '@dormouse/crds';
import type { Event } from '@dormouse/operator/kube';
import { approvalLines } from '../message/conversation.ts';
import { whatItSays } from '../message/says.ts';
import { age, until } from '../output/age.ts';
import { bytes } from '../output/bytes.ts';
import type { Style } from '../output/style.ts';
import { aligned, oneLine } from '../output/table.ts';
import { phaseOf } from './columns.ts';
import { sentence, tone, why } from './why.ts';

/** What is told about one workspace; lists are in the order of their creation. */
export interface Described {
  workspace: AgentWorkspace;
  messages: readonly AgentMessage[];
  checkpoints: readonly AgentCheckpoint[];
  /** Undefined where they may not be read. */
  events: readonly Event[] | undefined;
}

/** Of these, the newest are shown. */
const shownCheckpoints = 3;
const shownEvents = 10;
/** Characters of a message's text. */
const shortText = 60;

/** All about a workspace for a person, at the instant `now` in milliseconds. */
export function describeWorkspace(described: Described, now: number, style: Style): string {
  const { workspace, messages, checkpoints, events } = described;
  const open = messages.filter(({ status }) => status?.phase !== 'Completed' && status?.phase !== 'Failed');
  const parts = [
    summary(workspace, now, style),
    section('Conditions', conditions(workspace, now, style), style),
    section(`Open messages${open.length === 0 ? ': none' : ''}`, openMessages(open, now), style),
    section('Last checkpoints', lastCheckpoints(checkpoints, now), style),
    events === undefined
      ? `${style.bold('Events')}: you may not read them in this namespace\n`
      : section('Events', recentEvents(events, now), style),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function section(title: string, text: string, { bold }: Style): string {
  return text === '' && !title.includes(':') ? '' : `${bold(title)}\n${text}`;
}

function summary(workspace: AgentWorkspace, now: number, { bold }: Style): string {
  const { metadata, spec, status } = workspace;
  const since = age(status?.suspendedSince ?? status?.startedAt, now);
  const { checkpoint, forkedFrom, rewind } = status ?? {};
  const kept = spec.storage.retain === 'Retain' ? 'kept when it is deleted' : 'deleted with it';
  const { model, permissionMode } = spec.agent;
  return aligned([
    ['Name:', `${metadata.namespace}/${metadata.name}`],
    ['Phase:', `${bold(phaseOf(workspace))}${since && `, since ${since}`}`],
    ['Why:', oneLine(why(workspace))],
    ['Run policy:', `${spec.runPolicy}, idle after ${spec.idle.after}`],
    ['Class:', status?.className ?? spec.classRef?.name ?? 'the default one'],
    ['Agent:', `model ${model ?? 'of the class'}, permission mode ${permissionMode ?? 'of the class'}`],
    ['Files:', `claim ${status?.claimName ?? metadata.name}, ${spec.storage.size}, ${kept}`],
    ...(status?.nextWakeAt === undefined
      ? []
      : [['Next wake:', `${until(status.nextWakeAt, now)}, for a prompt that its agent scheduled`]]),
    ...(checkpoint === undefined
      ? []
      : [
          [
            'Checkpoint:',
            `${checkpoint.sequence}, ${age(checkpoint.completedAt, now)} ago, ${checkpoint.digest}`,
          ],
        ]),
    ...(forkedFrom === undefined
      ? []
      : [
          [
            'Forked from:',
            `${forkedFrom.namespace === undefined ? '' : `${forkedFrom.namespace}/`}${forkedFrom.workspace}, checkpoint ${forkedFrom.checkpoint}`,
          ],
        ]),
    ...(rewind === undefined
      ? []
      : [
          [
            'Rewind:',
            oneLine(
              `to ${rewind.to.checkpoint}, ${rewind.phase}; what was before is ${rewind.checkpoint}${rewind.message === undefined ? '' : `: ${rewind.message}`}`,
            ),
          ],
        ]),
    ['Age:', age(metadata.creationTimestamp, now)],
  ]);
}

function conditions({ status }: AgentWorkspace, now: number, { good, bad, dim }: Style): string {
  const marks = { good: good('✓'), bad: bad('✗'), neutral: dim('·') };
  const lines = (status?.conditions ?? []).map((condition) => {
    const since = age(condition.lastTransitionTime, now);
    return `  ${marks[tone(condition)]} ${condition.type} ${dim(`${condition.reason}, ${since}`)}\n      ${oneLine(sentence(condition))}\n`;
  });
  return lines.join('');
}

function openMessages(open: readonly AgentMessage[], now: number): string {
  const lines = open.flatMap((message) => {
    const { metadata, spec, status } = message;
    const reason = status?.reason === undefined ? '' : `, ${status.reason}`;
    const asked = oneLine(whatItSays(message), shortText);
    return [
      `  ${metadata.name} (session ${spec.session}, ${status?.phase ?? 'Pending'}${reason}, ${age(metadata.creationTimestamp, now)}): ${asked}`,
      ...approvalLines(message).map((line) => `      ${oneLine(line)}`),
    ];
  });
  return lines.map((line) => `${line}\n`).join('');
}

function lastCheckpoints(checkpoints: readonly AgentCheckpoint[], now: number): string {
  return aligned(
    checkpoints
      .slice(-shownCheckpoints)
      .map(({ metadata, spec, status }) => [
        `  ${metadata.name}`,
        spec.trigger,
        [status?.phase ?? 'Pending', status?.reason].filter(Boolean).join(' '),
        status?.bytes === undefined ? '' : bytes(status.bytes),
        `${age(metadata.creationTimestamp, now)} ago`,
      ]),
  );
}

function recentEvents(events: readonly Event[], now: number): string {
  const at = (event: Event) =>
    event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp ?? '';
  const newest = [...events].sort((a, b) => Date.parse(at(a)) - Date.parse(at(b))).slice(-shownEvents);
  return aligned(
    newest.map((event) => [
      `  ${age(at(event), now)}`,
      event.type ?? '',
      event.reason ?? '',
      `${event.involvedObject.kind}${(event.count ?? 1) > 1 ? ` (${event.count} times)` : ''}`,
      oneLine(event.message ?? ''),
    ]),
  );
}
