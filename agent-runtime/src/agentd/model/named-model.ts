/** Families of models: a file names one to ask for less or more than usual. Which model that is only the class could say. */
const families: ReadonlySet<string> = new Set(['sonnet', 'opus', 'haiku', 'fable', 'inherit']);

/** The model that a file of the workspace means; `usual` where it names none, or a family. */
export function namedModel(named: string | undefined, usual: string): string {
  return named === undefined || families.has(named) ? usual : named;
}
