import { z } from 'zod';
import { failed, succeeded, type Tool } from './tool.ts';

/** Characters of a plan that go along with the question; the whole is in the transcript. */
const shownPlan = 16_000;

const input = z.strictObject({
  plan: z
    .string()
    .min(1)
    .max(100_000)
    .describe('What you are going to do, in Markdown: short, and complete.'),
});

export const exitPlanMode: Tool<z.infer<typeof input>> = {
  name: 'ExitPlanMode',
  description:
    'Only in plan mode: presents your plan to a person and waits for their consent. With it plan mode ends and you carry out the plan. ' +
    'Not for questions about the plan: ask these before, with AskUserQuestion.',
  input,
  parallel: false,
  access: () => ({ kind: 'plan', tool: 'ExitPlanMode' }),
  summary: ({ plan }) => plan.replace(/\s+/g, ' '),
  asks: ({ plan }) => ({ plan: plan.slice(0, shownPlan).toWellFormed() }),
  async run(_, { afterPlan }) {
    if (afterPlan === undefined) return failed('You are not in plan mode: just go on.');
    return succeeded('The plan is approved and plan mode has ended. Carry it out.', {
      permissionMode: afterPlan,
    });
  },
};
