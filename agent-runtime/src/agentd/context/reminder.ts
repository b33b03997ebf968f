/**
 * Text that nobody said, in the tags that models know it by. What stands in it may come from files that anybody wrote, so it
 * cannot end the passage early.
 */
export function reminder(...parts: readonly string[]): string {
  const text = parts.filter((part) => part !== '').join('\n\n');
  return `<system-reminder>\n${text.replace(/<(?=\/?system-reminder\b)/gi, '&lt;').toWellFormed()}\n</system-reminder>`;
}
