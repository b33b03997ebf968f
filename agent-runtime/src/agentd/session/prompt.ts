import type { MessageRequest } from '../../protocol/messages.ts';
import { reminder } from '../context/reminder.ts';
import type { ContentBlock } from './entry.ts';
import { textWithSender } from './mail.ts';

/** A background task that ended since the model was last told. */
export interface EndedTask {
  id: string;
  command: string;
  /** `exited with code 0`, `was stopped`, `was lost when …`. */
  ending: string;
}

/**
 * The content of a prompt entry: what a person wrote, and after it, in tags that say it is not their word, the files they
 * attached, one line for each background task that ended, and what a wake did.
 */
export function promptContent(request: MessageRequest, ended: readonly EndedTask[], wake?: string): string {
  return [textWithSender(request), notesOf(request, ended, wake)]
    .filter((part) => part !== '')
    .join('\n')
    .toWellFormed();
}

/** The same for a message that started a skill: what was called, the text of the skill, and the notes. */
export function commandContent(
  call: { name: string; args: string },
  text: string,
  request: MessageRequest,
  ended: readonly EndedTask[],
  wake?: string,
): ContentBlock[] {
  const called = [
    `<command-name>/${call.name}</command-name>`,
    ...(call.args === '' ? [] : [`<command-args>${call.args}</command-args>`]),
  ].join('\n');
  return [called, text, notesOf(request, ended, wake)]
    .filter((part) => part !== '')
    .map((part) => ({ type: 'text', text: part.toWellFormed() }));
}

/** A prompt with the resources that it names behind it, and what hooks have for the model; the texts are theirs. */
export function withNotes(
  content: string | ContentBlock[],
  resources: readonly string[],
  notes: readonly string[],
): string | ContentBlock[] {
  if (resources.length + notes.length === 0) return content;
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  return [
    ...blocks,
    ...resources.map((text) => ({ type: 'text', text: text.toWellFormed() })),
    ...(notes.length === 0 ? [] : [{ type: 'text', text: reminder(...notes) }]),
  ];
}

function notesOf(request: MessageRequest, ended: readonly EndedTask[], wake: string | undefined): string {
  const notes: string[] = [];
  if (request.attachments !== undefined && request.attachments.length > 0) {
    notes.push('Files attached to this message:');
    for (const { path, description } of request.attachments)
      notes.push(`- ${path}${description ? `: ${description}` : ''}`);
  }
  for (const task of ended)
    notes.push(`Background task ${task.id} (${oneLine(task.command)}) ${task.ending}.`);
  if (wake !== undefined) notes.push(wake);
  return notes.length === 0 ? '' : ['<system-reminder>', ...notes, '</system-reminder>'].join('\n');
}

function oneLine(command: string): string {
  const line = command.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
