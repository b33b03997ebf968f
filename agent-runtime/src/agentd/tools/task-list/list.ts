import { z } from 'zod';

export const listedTask = z.object({
  id: z.string(),
  subject: z.string(),
  description: z.string(),
  activeForm: z.string().optional(),
  status: z.enum(['pending', 'in_progress', 'completed']),
  owner: z.string().optional(),
  /** Ids of tasks that must be done first. */
  blockedBy: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
export type ListedTask = z.infer<typeof listedTask>;

/** What a session means to do, with the number that the next task gets: ids are never used again. */
export const taskList = z.object({ next: z.int().min(1), tasks: z.array(listedTask) });
export type TaskList = z.infer<typeof taskList>;

export const emptyList: TaskList = { next: 1, tasks: [] };
/** More is no plan, and each change writes the list down whole. */
const most = 200;

type Fresh = Pick<ListedTask, 'subject' | 'description'> &
  Pick<Partial<ListedTask>, 'activeForm' | 'metadata'>;
type Change = Partial<Omit<ListedTask, 'id' | 'status' | 'blockedBy'>> & {
  status?: ListedTask['status'] | 'deleted';
  addBlocks?: readonly string[];
  addBlockedBy?: readonly string[];
};

/** The list with one task more, or what is wrong. */
export function withTask(list: TaskList, fresh: Fresh): { list: TaskList; id: string } | { problem: string } {
  if (list.tasks.length >= most) return { problem: `The list has ${most} tasks: delete some that are done.` };
  const id = String(list.next);
  const task: ListedTask = { ...fresh, id, status: 'pending', blockedBy: [] };
  return { id, list: { next: list.next + 1, tasks: [...list.tasks, task] } };
}

/** The list with one task changed, or what is wrong. A deleted task blocks none any more. */
export function withChange(
  list: TaskList,
  id: string,
  change: Change,
): { list: TaskList } | { problem: string } {
  const { status, addBlocks = [], addBlockedBy = [], ...fields } = change;
  const named = [id, ...addBlocks, ...addBlockedBy];
  const unknown = named.filter((each) => !list.tasks.some((task) => task.id === each));
  if (unknown.length > 0) return { problem: `There is no task ${unknown.join(', ')}. ${describe(list)}` };
  if ([...addBlocks, ...addBlockedBy].includes(id)) return { problem: `Task ${id} cannot block itself.` };
  if (status === 'deleted') {
    const tasks = list.tasks
      .filter((task) => task.id !== id)
      .map((task) => ({ ...task, blockedBy: task.blockedBy.filter((each) => each !== id) }));
    return { list: { ...list, tasks } };
  }
  const tasks = list.tasks.map((task) => {
    const blockedBy = [
      ...task.blockedBy,
      ...(task.id === id ? addBlockedBy : []),
      ...(addBlocks.includes(task.id) ? [id] : []),
    ];
    const changed = task.id === id ? { ...fields, ...(status !== undefined && { status }) } : {};
    return { ...task, ...changed, blockedBy: [...new Set(blockedBy)] };
  });
  return { list: { ...list, tasks } };
}

/** One line for each task. */
export function describe({ tasks }: TaskList): string {
  if (tasks.length === 0) return 'The list is empty.';
  const open = new Set(tasks.flatMap((task) => (task.status === 'completed' ? [] : [task.id])));
  return tasks
    .map(({ id, status, subject, owner, blockedBy }) => {
      const waits = blockedBy.filter((each) => open.has(each)).map((each) => `#${each}`);
      const more = [
        ...(owner ? [`owner: ${owner}`] : []),
        ...(waits.length > 0 ? [`waits for ${waits.join(', ')}`] : []),
      ];
      return `#${id} [${status}] ${subject}${more.length > 0 ? ` (${more.join('; ')})` : ''}`;
    })
    .join('\n');
}
