import { apiVersionOf, type KubeObject, type Resource } from '@dormouse/operator/kube';
import { stringify } from 'yaml';
import { type Column, table } from './table.ts';

/** What `-o` takes where objects are listed. */
export const listFormats = ['wide', 'json', 'yaml', 'name'] as const;
export type ListFormat = (typeof listFormats)[number];

/** What `-o` takes where one object is shown. */
export const objectFormats = ['json', 'yaml', 'name'] as const;
export type ObjectFormat = (typeof objectFormats)[number];

/** A value as JSON or YAML text, with a line break at the end. */
export function data(value: unknown, format: 'json' | 'yaml'): string {
  if (format === 'json') return `${JSON.stringify(value, undefined, 4)}\n`;
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** Objects as they were asked for; without a format, and for `wide`, as a table. */
export function formatList<T extends KubeObject>(
  of: Resource<T>,
  objects: readonly T[],
  format: ListFormat | undefined,
  columns: readonly Column<T>[],
): string {
  if (format === 'name') return objects.map((object) => `${qualifiedName(of, object)}\n`).join('');
  if (format === 'json' || format === 'yaml') {
    const items = objects.map((object) => complete(of, object));
    return data({ apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }, format);
  }
  return table(columns, objects, format === 'wide');
}

/** One object as it was asked for. */
export function formatObject<T extends KubeObject>(of: Resource<T>, object: T, format: ObjectFormat): string {
  return format === 'name' ? `${qualifiedName(of, object)}\n` : data(complete(of, object), format);
}

/** `agentworkspace.dormouse.dev/NAME`, which kubectl takes everywhere. */
export function qualifiedName(of: Resource<KubeObject>, { metadata }: KubeObject): string {
  const kind = of.kind.toLowerCase();
  return `${of.group === '' ? kind : `${kind}.${of.group}`}/${metadata.name}`;
}

/** As kubectl shows it: with kind and apiVersion, which lists leave out, and without who manages which field. */
function complete<T extends KubeObject>(of: Resource<T>, { metadata, ...rest }: T): object {
  const { managedFields: _left, ...shown } = metadata as T['metadata'] & { managedFields?: unknown };
  return { ...rest, apiVersion: apiVersionOf(of), kind: of.kind, metadata: shown };
}
