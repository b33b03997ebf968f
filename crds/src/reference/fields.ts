import type { StructuralSchema } from '../definition/structural.ts';
import { table } from './table.ts';

/** The rules of a schema and a table of every field below it, in the order of the source. Field names begin with `path`. */
export function fields(schema: StructuralSchema, path: string): string {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message }) => `Rule: ${message}.\n\n`);
  return own.join('') + table(['Field', 'Type', 'Default', 'Description'], [...rows(schema, path)]);
}

function* rows(schema: StructuralSchema, path: string): Generator<string[]> {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const own = `${path}.${name}`;
    const required = schema.required?.includes(name) === true;
    yield [
      `\`${own}\``,
      type(property),
      required ? 'required' : initial(property.default),
      [property.description ?? '', bounds(property), ...sentences(property)]
        .filter((text) => text !== '')
        .join(' '),
    ];
    yield* rows(property, own);
    if (property.items !== undefined) yield* rows(property.items, `${own}[]`);
    if (property.additionalProperties !== undefined) yield* rows(property.additionalProperties, `${own}.*`);
  }
}

function type(schema: StructuralSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (schema.items !== undefined) return `list of ${type(schema.items)}`;
  if (schema.additionalProperties !== undefined) return `map of ${type(schema.additionalProperties)}`;
  if (schema.format === 'date-time') return 'instant';
  return schema.type ?? 'anything';
}

/** An object's `{}` is how nested defaults get applied, and tells a reader nothing. */
function initial(value: unknown): string {
  if (value === undefined || (typeof value === 'object' && value !== null)) return '';
  return `\`${value}\``;
}

function bounds(schema: StructuralSchema): string {
  const texts = [
    range(schema.minimum, schema.maximum, ''),
    // Every string has a bound; only one that a person may meet is worth a word.
    schema.enum === undefined && (schema.maxLength ?? 0) > 0
      ? range(undefined, schema.maxLength, ' characters')
      : '',
    range(schema.minItems, schema.maxItems, ' items'),
    range(undefined, schema.maxProperties, ' entries'),
  ];
  const said = texts.filter((text) => text !== '').join(', ');
  return said === '' ? '' : `(${said})`;
}

function range(from: number | undefined, to: number | undefined, unit: string): string {
  if (from !== undefined && to !== undefined) return `${from} to ${to}${unit}`;
  if (to !== undefined) return `at most ${to}${unit}`;
  return from === undefined ? '' : `at least ${from}${unit}`;
}

/** The sentences of the field's own rules, and of its items'. */
function sentences(schema: StructuralSchema): string[] {
  const own = schema['x-kubernetes-validations'] ?? [];
  const items = schema.items?.['x-kubernetes-validations'] ?? [];
  return [
    ...own.map(({ message }) => `*Rule: ${message}.*`),
    ...items.map(({ message }) => `*Rule: each ${message}.*`),
  ];
}
