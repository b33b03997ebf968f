import type { MessageRequest } from '../../protocol/messages.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { commandOf, startCommand } from './command.ts';
import { beforeExpansion, type Opened } from './hooks.ts';
import { beginLoop } from './loop.ts';
import { commandContent, type EndedTask, promptContent, withNotes } from './prompt.ts';
import { schedulesOf } from './schedules.ts';
import type { RoundContext } from './tool-round.ts';
import type { NewEntry } from './write-entry.ts';

/**
 * The entry of a prompt: what a person wrote, or what the command or skill that they called has to say, with what the model must be told
 * beside it. Throws `SkillFailure` where there is no such command, or it fails.
 */
export async function promptEntry(
  request: MessageRequest,
  { ended, wake }: { ended: readonly EndedTask[]; wake: string | undefined },
  opened: Opened,
  round: RoundContext,
): Promise<NewEntry> {
  // What another agent says is text.
  const ofAgent = round.host.subagent !== undefined || request.sender !== undefined;
  const asked = ofAgent ? undefined : commandOf(request.text);
  const loop = asked?.name === 'loop' ? await beginLoop(asked.args, request, schedulesOf(round)) : undefined;
  if (typeof loop === 'string') throw new SkillFailure('CommandFailed', loop);
  const said = { ...request, text: loop?.prompt ?? request.text };
  const call = loop === undefined ? asked : commandOf(said.text);
  const builtIn = call?.name === 'compact' ? ('compact' as const) : undefined;
  const started =
    call === undefined || builtIn !== undefined
      ? undefined
      : await startCommand(call, request.key, round, (of) =>
          beforeExpansion(call, of, said.text, opened, round),
        );
  const note = [loop?.note, wake].filter((each) => each !== undefined).join('\n') || undefined;
  const content =
    call === undefined || started === undefined
      ? promptContent(said, ended, note)
      : commandContent(call, started.text, said, ended, note);
  const resources = ofAgent ? [] : await round.host.mcp.mentioned(said.text, round.signal);
  return {
    message: { role: 'user', content: withNotes(content, resources, opened.context) },
    messageKey: request.key,
    ...(opened.messages.length > 0 && { hooks: { messages: opened.messages } }),
    ...(ended.length > 0 && { toldBackground: ended.map((task) => task.id) }),
    ...(started !== undefined && { skill: started.use }),
    ...(builtIn !== undefined && { builtIn }),
  };
}
