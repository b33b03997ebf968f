import { createHash } from 'node:crypto';
import { normalName } from './declared.ts';

/** What the API takes as the name of a tool. */
const longest = 128;

/** `mcp__SERVER__TOOL`: what permission rules and transcripts call a tool of a server. Too long a one ends in a part of its hash. */
export function toolName(server: string, tool: string): string {
  const name = `mcp__${server}__${normalName(tool)}`;
  if (name.length <= longest) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, longest - 9)}_${hash}`;
}

/** `mcp__SERVER__PROMPT`: what a message that begins with a slash calls a prompt. */
export function promptName(server: string, prompt: string): string {
  return `mcp__${server}__${normalName(prompt)}`;
}
