/** What a permission rule speaks about: `Bash`, `Bash(npm run *)`, `Read(~/.ssh/**)`. */
export interface Rule {
  tool: string;
  /** Absent: every use of the tool. */
  spec?: string;
  text: string;
}

/** Undefined for a text that is no rule. */
export function parseRule(text: string): Rule | undefined {
  const match = /^\s*(mcp__[\w-]*\*?|[A-Za-z_][\w-]*|\*)\s*(?:\(([\s\S]*)\))?\s*$/.exec(text);
  const tool = match?.[1];
  if (tool === undefined) return undefined;
  const spec = match?.[2]?.trim();
  return spec === undefined || spec === '' || spec === '*' ? { tool, text } : { tool, spec, text };
}

/**
 * Rules of a list. A deny rule that cannot be read denies everything of every tool rather than nothing; an allow rule that
 * cannot be read allows nothing.
 */
export function parseRules(texts: readonly string[], unreadable: 'matches-all' | 'matches-none'): Rule[] {
  return texts.flatMap((text) => {
    const rule = parseRule(text);
    if (rule !== undefined) return [rule];
    return unreadable === 'matches-all' ? [{ tool: '*', text }] : [];
  });
}
