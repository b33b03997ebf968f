import { z } from 'zod';

const typeNames = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
/** Keywords whose value is a schema, a map of schemas, a list of schemas. */
const one = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const named = ['properties', '$defs', 'patternProperties', 'dependentSchemas'];
const several = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];

type JsonObject = Record<string, unknown>;
const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether `value` has the form of a JSON Schema (draft 2020-12). References are not followed. */
export function isJsonSchema(value: unknown): boolean {
  if (typeof value === 'boolean') return true;
  if (!isObject(value)) return false;
  const names = Array.isArray(value.type) ? value.type : [value.type ?? 'object'];
  if (!names.every((name) => typeof name === 'string' && typeNames.has(name))) return false;
  if (value.required !== undefined && !isStringList(value.required)) return false;
  if (value.enum !== undefined && !Array.isArray(value.enum)) return false;
  if (value.pattern !== undefined && !isPattern(value.pattern)) return false;
  return (
    one.every((key) => value[key] === undefined || isJsonSchema(value[key])) &&
    named.every((key) => value[key] === undefined || isSchemaMap(value[key])) &&
    several.every((key) => value[key] === undefined || isSchemaList(value[key]))
  );
}

const isStringList = (value: unknown) =>
  Array.isArray(value) &&
  value.every((item) => typeof item === 'string') &&
  new Set(value).size === value.length;
const isSchemaMap = (value: unknown) => isObject(value) && Object.values(value).every(isJsonSchema);
const isSchemaList = (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every(isJsonSchema);

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    return new RegExp(value, 'u') !== undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** A client tool. Server-side tools are not offered by the stand-in: it has nothing to run them with. */
export function toolDefinition<CacheControl extends z.ZodType>(cacheControl: CacheControl) {
  return z.strictObject({
    type: z.literal('custom').nullish(),
    name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/),
    description: z.string().optional(),
    input_schema: z
      .looseObject({ type: z.literal('object') })
      .refine((schema) => isJsonSchema(schema), {
        error: 'JSON schema is invalid. It must match JSON Schema draft 2020-12',
      })
      .refine((schema) => !['oneOf', 'allOf', 'anyOf'].some((key) => key in schema), {
        error: 'input_schema does not support oneOf, allOf, or anyOf at the top level',
      }),
    strict: z.boolean().optional(),
    eager_input_streaming: z.boolean().nullish(),
    defer_loading: z.boolean().optional(),
    input_examples: z.array(z.record(z.string(), z.unknown())).optional(),
    cache_control: cacheControl.nullish(),
  });
}
