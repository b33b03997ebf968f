/** How deep subagents may call others, and how many of the workspace may be at work at once; more are refused. */
export const subagentLimits = { depth: 3, running: 20 } as const;
