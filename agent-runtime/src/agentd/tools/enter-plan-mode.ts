import { z } from 'zod';
import { failed, succeeded, type Tool } from './tool.ts';

const input = z.strictObject({});

export const enterPlanMode: Tool<z.infer<typeof input>> = {
  name: 'EnterPlanMode',
  description:
    'Begins plan mode for this session: you look around and change nothing until a person has approved your plan, which you present ' +
    'with ExitPlanMode. For work with several good ways or a wide reach, where a person is there to answer.',
  input,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'EnterPlanMode' }),
  summary: () => 'plan before anything is changed',
  async run(_, { permissionMode, isSubagent }) {
    if (isSubagent)
      return failed('A subagent has nobody to present a plan to: return the plan as your report.');
    if (permissionMode === 'plan') return failed('You are in plan mode already.');
    if (permissionMode === 'dontAsk')
      return failed('Nobody is asked in this workspace, so nobody could approve a plan. Go on without.');
    return succeeded(
      'Plan mode has begun: edits are refused and commands are asked about. Look around, then present your plan with ExitPlanMode.',
      { permissionMode: 'plan' },
    );
  },
};
