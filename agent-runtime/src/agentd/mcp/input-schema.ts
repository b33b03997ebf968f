/** A JSON Schema of a tool's input, as the Messages API takes it. */
export interface InputSchema {
  type: 'object';
  [key: string]: unknown;
}

const typeNames = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
/** Keywords whose value is a schema, a map of schemas, a list of schemas. */
const one = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const named = ['properties', '$defs', 'definitions', 'patternProperties', 'dependentSchemas'];
const several = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
/** The API takes none of these at the top. */
const notAtTop = ['oneOf', 'allOf', 'anyOf'];
const maxDepth = 32;
const maxChars = 64 * 1024;

/**
 * The schema of a server's tool, where the API takes it: one bad schema would have every request of the workspace refused.
 * Undefined where it would not; nothing is compiled or followed here.
 */
export function usableSchema(schema: unknown): InputSchema | undefined {
  if (!isObject(schema) || schema.type !== 'object') return undefined;
  if (notAtTop.some((key) => key in schema) || !isSchema(schema, 0)) return undefined;
  const names = isObject(schema.properties) ? Object.keys(schema.properties) : [];
  if (!names.every((name) => /^[a-zA-Z0-9_.-]{1,64}$/.test(name))) return undefined;
  if (JSON.stringify(schema).length > maxChars) return undefined;
  const { $schema: _, ...rest } = schema;
  return { ...rest, type: 'object' };
}

type JsonObject = Record<string, unknown>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSchema(value: unknown, depth: number): boolean {
  if (typeof value === 'boolean') return true;
  if (!isObject(value) || depth > maxDepth) return false;
  const inner = (each: unknown) => isSchema(each, depth + 1);
  const map = (each: unknown) => isObject(each) && Object.values(each).every(inner);
  const list = (each: unknown) => Array.isArray(each) && each.length > 0 && each.every(inner);
  return (
    isType(value.type) &&
    (value.required === undefined || isNames(value.required)) &&
    (value.enum === undefined || Array.isArray(value.enum)) &&
    (value.pattern === undefined || isPattern(value.pattern)) &&
    // External documents are nobody's to fetch.
    (value.$ref === undefined || (typeof value.$ref === 'string' && value.$ref.startsWith('#'))) &&
    one.every((key) => value[key] === undefined || inner(value[key])) &&
    named.every((key) => value[key] === undefined || map(value[key])) &&
    several.every((key) => value[key] === undefined || list(value[key]))
  );
}

function isType(value: unknown): boolean {
  const names = Array.isArray(value) ? value : [value ?? 'object'];
  return names.every((name) => typeof name === 'string' && typeNames.has(name));
}

function isNames(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((each) => typeof each === 'string') &&
    new Set(value).size === value.length
  );
}

function isPattern(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    return new RegExp(value, 'u') !== undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
