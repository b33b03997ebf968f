import type { Skill } from './skill.ts';

/** Characters of one description, and of the whole list: about a hundredth of what a model can hold. */
const limits = { description: 1_536, list: 8_000 };

/**
 * One line for each skill that the model may start. Every name is there; descriptions are cut, all at the same length, until
 * the list is within its limit.
 */
export function listSkills(skills: Iterable<Skill>): string[] {
  const listed = [...skills].filter((skill) => skill.modelInvocable);
  const names = listed.reduce((sum, skill) => sum + skill.name.length + 5, 0);
  const length = longestThatFits(
    listed.map((skill) => skill.description.length),
    limits.list - names,
  );
  return listed.map(({ name, description }) => {
    if (length === 0 || description === '') return `- ${name}`;
    const cut = description.length > length ? `${description.slice(0, length - 1)}…` : description;
    return `- ${name}: ${cut}`;
  });
}

/** The greatest length, at most that of one description, with which texts cut to it have no more than `room` together. */
function longestThatFits(lengths: readonly number[], room: number): number {
  const total = (cap: number) => lengths.reduce((sum, length) => sum + Math.min(length, cap), 0);
  let low = 0;
  let high = limits.description;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (total(middle) <= room) low = middle;
    else high = middle - 1;
  }
  return low;
}
