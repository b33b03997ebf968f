/**
 * Text that others wrote (a model, a tool, an object's message) for a terminal: without the control characters that could
 * move the cursor, change what was printed before or answer in the person's name. Tabs and line breaks stay.
 */
export function printable(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(/(?![\t\n])\p{Cc}/gu, '�');
}
