import { paths } from '../../protocol/paths.ts';

const planning = [
  'You are in plan mode: look, and change nothing. When you know what to do, present it with ExitPlanMode; once a person has',
  'approved it, carry it out.',
];

/**
 * What the model is told before the conversation. It holds nothing that changes from one request to the next (no time, no
 * boot), because the prompt cache begins with it; the end of plan mode is worth a new one.
 */
export function systemPrompt(
  workspace: { namespace: string; name: string },
  custom: string | undefined,
  planMode = false,
): string {
  const base = [
    `You are an agent in the workspace ${workspace.namespace}/${workspace.name}. You work with its tools, in its own Linux environment.`,
    `The home is ${paths.home}; what lies below it is kept. Everything else of the file system is new after the workspace slept.`,
    'The workspace sleeps while nobody needs it and goes on as the same conversation. Processes end with a sleep; background',
    'commands that were marked restartable start again. A tool call that was interrupted may or may not have taken effect:',
    'look before you do it again.',
    'Some tool calls need the consent of a person. If one is denied, do not try to reach the same by another way: say what',
    'you need and why.',
    ...(planMode ? planning : []),
  ].join('\n');
  return custom === undefined || custom.trim() === '' ? base : `${base}\n\n${custom}`;
}
