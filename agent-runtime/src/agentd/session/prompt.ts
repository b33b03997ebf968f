import type { MessageRequest } from '../../protocol/messages.ts';

/** A background task that ended since the model was last told. */
export interface EndedTask {
  id: string;
  command: string;
  /** `exited with code 0`, `was stopped`, `was lost when …`. */
  ending: string;
}

/**
 * The text of a prompt entry: what a person wrote, and after it, in tags that say it is not their word, the files they
 * attached, one line for each background task that ended, and what a wake did.
 */
export function promptText(request: MessageRequest, ended: readonly EndedTask[], wake?: string): string {
  const notes: string[] = [];
  if (request.attachments !== undefined && request.attachments.length > 0) {
    notes.push('Files attached to this message:');
    for (const { path, description } of request.attachments)
      notes.push(`- ${path}${description ? `: ${description}` : ''}`);
  }
  for (const task of ended)
    notes.push(`Background task ${task.id} (${oneLine(task.command)}) ${task.ending}.`);
  if (wake !== undefined) notes.push(wake);
  if (notes.length === 0) return request.text;
  return [request.text, '<system-reminder>', ...notes, '</system-reminder>'].join('\n');
}

function oneLine(command: string): string {
  const line = command.replace(/\s+/g, ' ').trim();
  return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
