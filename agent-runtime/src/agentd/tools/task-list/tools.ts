import { z } from 'zod';
import { failed, succeeded, type Tool } from '../tool.ts';
import { describe, type TaskList, withChange, withTask } from './list.ts';

const id = z.string().min(1).max(16).describe('Its number, as the list has it.');
const subject = z.string().min(1).max(500);
const description = z.string().max(10_000);
const activeForm = z
  .string()
  .max(500)
  .optional()
  .describe('What is shown while it is being done: "Fixing the test".');
const metadata = z.record(z.string(), z.unknown()).optional();
const ids = z.array(id).max(100).optional();

const createInput = z.strictObject({
  subject: subject.describe('What is to be done, in a few words.'),
  description: description.describe('What it takes for it to be done.'),
  activeForm,
  metadata,
});

export const taskCreate: Tool<z.infer<typeof createInput>> = {
  name: 'TaskCreate',
  description:
    'Adds a task to the list of this session, which a person sees. Use it for work of three steps or more, one task a step.',
  input: createInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'TaskCreate' }),
  summary: ({ subject: what }) => what,
  async run(call, { taskList, refusalOfTask }) {
    const added = withTask(taskList(), withoutUndefined(call));
    if ('problem' in added) return failed(added.problem);
    const task = added.list.tasks.find(({ id: each }) => each === added.id);
    const refusal = task && (await refusalOfTask('TaskCreated', task));
    if (refusal !== undefined) return failed(`A hook refused this task: ${refusal}`);
    return succeeded(`Task #${added.id} created: ${call.subject}`, { taskList: added.list });
  },
};

const updateInput = z.strictObject({
  taskId: id,
  status: z.enum(['pending', 'in_progress', 'completed', 'deleted']).optional(),
  subject: subject.optional(),
  description: description.optional(),
  activeForm,
  addBlocks: ids.describe('Tasks that wait for this one.'),
  addBlockedBy: ids.describe('Tasks that this one waits for.'),
  owner: z.string().max(200).optional().describe('Who does it.'),
  metadata,
});

export const taskUpdate: Tool<z.infer<typeof updateInput>> = {
  name: 'TaskUpdate',
  description:
    'Changes a task of the list: in_progress when you begin it, completed when all of it is done, deleted when it is no longer wanted.',
  input: updateInput,
  parallel: false,
  access: () => ({ kind: 'none', tool: 'TaskUpdate' }),
  summary: ({ taskId, status }) => `#${taskId} ${status ?? ''}`.trim(),
  async run({ taskId, ...change }, { taskList, refusalOfTask }) {
    const find = (list: TaskList) => list.tasks.find((each) => each.id === taskId);
    const before = taskList();
    const changed = withChange(before, taskId, withoutUndefined(change));
    if ('problem' in changed) return failed(changed.problem);
    const task = find(changed.list);
    if (task?.status === 'completed' && find(before)?.status !== 'completed') {
      const refusal = await refusalOfTask('TaskCompleted', task);
      if (refusal !== undefined) return failed(`A hook says that this task is not done: ${refusal}`);
    }
    return succeeded(`Task #${taskId} changed.`, { taskList: changed.list });
  },
};

const getInput = z.strictObject({ taskId: id });

export const taskGet: Tool<z.infer<typeof getInput>> = {
  name: 'TaskGet',
  description: 'All that the list says of one task.',
  input: getInput,
  parallel: true,
  access: () => ({ kind: 'none', tool: 'TaskGet' }),
  summary: ({ taskId }) => `#${taskId}`,
  async run({ taskId }, { taskList }) {
    const list = taskList();
    const task = list.tasks.find((each) => each.id === taskId);
    if (task === undefined) return failed(`There is no task ${taskId}. ${describe(list)}`);
    return succeeded(JSON.stringify(task, null, 2));
  },
};

export const taskListTool: Tool<Record<string, never>> = {
  name: 'TaskList',
  description: 'The tasks of this session and how they stand.',
  input: z.strictObject({}),
  parallel: true,
  access: () => ({ kind: 'none', tool: 'TaskList' }),
  summary: () => '',
  run: async (_, { taskList }) => succeeded(describe(taskList())),
};

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

function withoutUndefined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
