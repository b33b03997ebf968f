import { z } from 'zod';
import type { ValidationRule } from '../resource.ts';

/** A structural schema, as `openAPIV3Schema` of a CustomResourceDefinition takes it. */
export interface StructuralSchema {
  description?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  items?: StructuralSchema;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: ValidationRule[];
}

/** What zod gives; everything in it is looked at before it is passed on. */
interface JsonSchema extends Record<string, unknown> {
  type?: string;
  pattern?: string;
  patternMessage?: string;
  format?: string;
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  anyOf?: JsonSchema[];
}

/** The schema cannot be said in a CustomResourceDefinition. Names the field and what to write instead. */
export class NotStructural extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = 'NotStructural';
  }
}

/** Passed on as they are. What is in neither list is an error: better than a keyword that the API server drops. */
const copied = [
  'description',
  'type',
  'enum',
  'default',
  'nullable',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'maxProperties',
  'required',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
] as const;
const handled = new Set<string>([
  ...copied,
  '$schema',
  'minimum',
  'maximum',
  'format',
  'pattern',
  'patternMessage',
  'properties',
  'additionalProperties',
  'propertyNames',
  'items',
  'anyOf',
  'x-kubernetes-validations',
]);

/**
 * Turns a zod schema into a structural schema. `path` is where it stands, for errors: `AgentWorkspace.spec`.
 *
 * Patterns become CEL rules with the sentence of the schema's `patternMessage`, because "should match '^[a-z…'" tells
 * nobody what to change. Everything needs a description (the reference is made from it) and a bound (one object must not
 * fill etcd, and the API server refuses CEL rules whose cost it cannot bound).
 */
export function structural(schema: z.ZodType, path: string): StructuralSchema {
  return walk(
    z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'input', reused: 'inline' }) as JsonSchema,
    path,
  );
}

function walk(given: JsonSchema, path: string): StructuralSchema {
  const unknown = Object.keys(given).find((keyword) => !handled.has(keyword));
  if (unknown !== undefined) {
    throw new NotStructural(
      path,
      unknown === 'oneOf' || unknown === 'allOf'
        ? `${unknown} is not structural: make the members optional, with a CEL rule "exactly one of"`
        : `the keyword ${unknown} has no place in a CustomResourceDefinition`,
    );
  }
  if (given.anyOf !== undefined) return intOrString(given, path);

  const schema: Record<string, unknown> = {};
  for (const keyword of copied) if (given[keyword] !== undefined) schema[keyword] = given[keyword];
  Object.assign(schema, numeric(given), text(given, path), object(given, path));
  if (given.items !== undefined) schema.items = walk(given.items, `${path}[]`);
  const rules = validations(given, path);
  if (rules.length > 0) schema['x-kubernetes-validations'] = rules;

  const result = schema as StructuralSchema;
  requireBounds(result, path);
  for (const [name, property] of Object.entries(result.properties ?? {})) {
    if (property.description === undefined) throw new NotStructural(`${path}.${name}`, 'has no description');
  }
  return result;
}

/** Inner bounds are not allowed beside `x-kubernetes-int-or-string`. */
function intOrString(given: JsonSchema, path: string): StructuralSchema {
  const types = given.anyOf?.map(({ type }) => type).sort();
  if (types?.join() !== 'integer,string') {
    throw new NotStructural(
      path,
      'a union is not structural: make the members optional, with a CEL rule "exactly one of"',
    );
  }
  const { description } = given;
  return {
    ...(typeof description === 'string' ? { description } : {}),
    'x-kubernetes-int-or-string': true,
  };
}

/** zod states the safe range of integers; for the API server that is what `int64` means. */
function numeric(given: JsonSchema): StructuralSchema {
  if (given.type !== 'integer' && given.type !== 'number') return {};
  const { minimum, maximum } = given;
  const schema: StructuralSchema = {};
  if (typeof minimum === 'number' && minimum !== Number.MIN_SAFE_INTEGER) schema.minimum = minimum;
  if (typeof maximum === 'number' && maximum !== Number.MAX_SAFE_INTEGER) schema.maximum = maximum;
  if (given.type === 'integer') schema.format = 'int64';
  return schema;
}

/** Of zod's string formats only `date-time` is known to the API server, which checks it without zod's pattern. */
function text(given: JsonSchema, path: string): StructuralSchema {
  if (given.format === undefined || given.type !== 'string') return {};
  if (given.format === 'date-time') return { format: 'date-time' };
  throw new NotStructural(
    path,
    `the API server does not know the format ${given.format}: say it with regex()`,
  );
}

function object(given: JsonSchema, path: string): StructuralSchema {
  const schema: StructuralSchema = {};
  if (given.properties !== undefined) {
    schema.properties = Object.fromEntries(
      Object.entries(given.properties).map(([name, property]) => [name, walk(property, `${path}.${name}`)]),
    );
  }
  const rest = given.additionalProperties;
  if (typeof rest !== 'object') {
    if (rest === true) schema['x-kubernetes-preserve-unknown-fields'] = true;
  } else if (Object.keys(rest).length === 0) {
    schema['x-kubernetes-preserve-unknown-fields'] = true;
  } else if (given.properties === undefined) {
    schema.additionalProperties = walk(rest, `${path}.*`);
  } else {
    throw new NotStructural(path, 'has both named fields and a catchall, which is not structural');
  }
  return schema;
}

function validations(given: JsonSchema, path: string): ValidationRule[] {
  const rules = (given['x-kubernetes-validations'] as ValidationRule[] | undefined) ?? [];
  if (given.pattern === undefined || given.format === 'date-time') return rules;
  const { pattern, patternMessage } = given;
  if (/\(\?[=!<]/.test(pattern)) throw new NotStructural(path, `Go's RE2 has no look-around: ${pattern}`);
  if (pattern.includes("'")) throw new NotStructural(path, `the pattern must have no quote: ${pattern}`);
  if (patternMessage === undefined)
    throw new NotStructural(path, 'has a pattern and no patternMessage in its meta');
  const matches = `self.matches(r'${pattern}')`;
  // Other rules may rely on the pattern, as `duration(self)` does: where it fails, one sentence is enough.
  const others = rules.map((rule) => ({ ...rule, rule: `!${matches} || (${rule.rule})` }));
  return [{ rule: matches, message: patternMessage }, ...others];
}

function requireBounds(schema: StructuralSchema, path: string): void {
  const { type } = schema;
  if (
    type === 'string' &&
    schema.enum === undefined &&
    schema.format === undefined &&
    schema.maxLength === undefined
  ) {
    throw new NotStructural(path, 'needs max()');
  }
  if (type === 'array' && schema.maxItems === undefined) throw new NotStructural(path, 'needs max()');
  if (schema.additionalProperties !== undefined && schema.maxProperties === undefined) {
    throw new NotStructural(path, 'needs maxProperties in its meta');
  }
}
