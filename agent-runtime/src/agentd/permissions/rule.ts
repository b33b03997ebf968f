/** What a permission rule speaks about: `Bash`, `Bash(npm run *)`, `Read(~/.ssh/**)`, `mcp__github__*`. */
export interface Rule {
  tool: string;
  /** Absent: every use of the tool. */
  spec?: string;
  text: string;
}

/** Whether a rule is about certain files. */
export function isOfFiles({ tool, spec }: Rule): boolean {
  return spec !== undefined && (tool === 'Read' || tool === 'Edit');
}

/** Undefined for a text that is no rule. */
export function parseRule(text: string): Rule | undefined {
  const match = /^\s*([A-Za-z_][\w-]*\*?|\*)\s*(?:\(([\s\S]*)\))?\s*$/.exec(text);
  const tool = match?.[1];
  if (tool === undefined) return undefined;
  // A star in the name of a tool is for the tools of one MCP server.
  if (tool.length > 1 && tool.endsWith('*') && !/^mcp__.+__/.test(tool)) return undefined;
  const spec = match?.[2]?.trim();
  return spec === undefined || spec === '' || spec === '*' ? { tool, text } : { tool, spec, text };
}

/**
 * Rules of a list. A deny or ask rule that cannot be read speaks of every tool rather than of none; an allow rule that
 * cannot be read allows nothing.
 */
export function parseRules(texts: readonly string[], unreadable: 'matches-all' | 'matches-none'): Rule[] {
  return texts.flatMap((text) => {
    const rule = parseRule(text);
    if (rule !== undefined) return [rule];
    return unreadable === 'matches-all' ? [{ tool: '*', text }] : [];
  });
}
