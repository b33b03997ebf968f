import { z } from 'zod';

/** A hook of the class: agentd sends it what happens; nobody in the workspace sees it. */
export const managedHook = z.object({
  event: z.string(),
  matcher: z.string().optional(),
  url: z.url({ protocol: /^https?$/ }),
  timeoutSeconds: z.int().min(1).max(600).default(30),
  /** What follows when it cannot be asked: the call goes on, or is refused. */
  onFailure: z.enum(['Open', 'Closed']).default('Closed'),
});

/** What the class says about hooks. */
export const hooksConfig = z.object({
  /** Hooks from files of the workspace: those whose commands the rules permit, all, or none. */
  workspace: z.enum(['Permitted', 'Run', 'Off']).default('Permitted'),
  /** Whether they may let through what the rules would ask a person about. */
  mayAllow: z.boolean().default(false),
  /** What follows when one of them cannot be asked, unless it says `closed` itself. */
  onFailure: z.enum(['Open', 'Closed']).default('Open'),
  /** How often Stop hooks may keep a turn going that has used no tool meanwhile. */
  stopBlocks: z.int().min(0).max(10_000).default(8),
  managed: z.array(managedHook).max(32).default([]),
});
export type HooksConfig = z.infer<typeof hooksConfig>;
