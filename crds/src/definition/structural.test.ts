import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { NotStructural, structural } from './structural.ts';

const described = { description: 'A field.' };
const text = z.string().max(10);

describe('a zod schema becomes a structural schema', () => {
  test('an object keeps its fields, their bounds and what is required', () => {
    const schema = z.object({
      name: text.min(1).meta(described),
      port: z.int().min(1).max(65535).optional().meta(described),
    });
    expect(structural(schema, 'X')).toEqual({
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 10, description: 'A field.' },
        port: { type: 'integer', format: 'int64', minimum: 1, maximum: 65535, description: 'A field.' },
      },
    });
  });

  test('an object with defaults inside gets an empty default, which is what makes the API server apply them', () => {
    const inner = z.object({ size: text.default('2Gi').meta(described) }).prefault({});
    const { properties } = structural(z.object({ storage: inner.meta(described) }), 'X');
    expect(properties?.storage).toMatchObject({ default: {}, properties: { size: { default: '2Gi' } } });
  });

  test('the safe range of integers is not stated: int64 says it', () => {
    const { properties } = structural(z.object({ count: z.int().meta(described) }), 'X');
    expect(properties?.count).toEqual({ type: 'integer', format: 'int64', description: 'A field.' });
  });

  test('a strict object has no additionalProperties, a loose one preserves what it does not know', () => {
    expect(structural(z.strictObject({}), 'X')).toEqual({ type: 'object', properties: {} });
    expect(structural(z.looseObject({}), 'X')).toMatchObject({
      'x-kubernetes-preserve-unknown-fields': true,
    });
  });

  test('a record becomes a map of its values', () => {
    const labels = z.record(text, text).meta({ maxProperties: 4 });
    expect(structural(labels, 'X')).toEqual({
      type: 'object',
      maxProperties: 4,
      additionalProperties: { type: 'string', maxLength: 10 },
    });
  });

  test('an integer or a string has no bounds of its own', () => {
    expect(structural(z.union([z.int().min(1), text]), 'X')).toEqual({ 'x-kubernetes-int-or-string': true });
  });

  test('keywords of Kubernetes pass through', () => {
    const list = z.array(text).max(3).meta({ 'x-kubernetes-list-type': 'set' });
    expect(structural(list, 'X')).toMatchObject({ 'x-kubernetes-list-type': 'set', maxItems: 3 });
  });

  test('an instant is left to the API server, without the pattern of zod', () => {
    expect(structural(z.iso.datetime({ offset: true }), 'X')).toEqual({
      type: 'string',
      format: 'date-time',
    });
  });
});

describe('a pattern becomes a rule with a sentence', () => {
  test('the sentence is patternMessage', () => {
    const schema = structural(text.regex(/^[a-z]+\.$/).meta({ patternMessage: 'must be small' }), 'X');
    expect(schema).not.toHaveProperty('pattern');
    expect(schema).not.toHaveProperty('patternMessage');
    expect(schema['x-kubernetes-validations']).toEqual([
      { rule: "self.matches(r'^[a-z]+\\.$')", message: 'must be small' },
    ]);
  });

  test('other rules speak only where the pattern holds, so that one mistake gets one sentence', () => {
    const seconds = text.regex(/^[0-9]+s$/).meta({
      patternMessage: 'must be a duration',
      'x-kubernetes-validations': [{ rule: "duration(self) > duration('1s')", message: 'must be more' }],
    });
    expect(structural(seconds, 'X')['x-kubernetes-validations']?.[1]).toEqual({
      rule: "!self.matches(r'^[0-9]+s$') || (duration(self) > duration('1s'))",
      message: 'must be more',
    });
  });
});

describe('what a CustomResourceDefinition cannot say is refused, with the place', () => {
  const of = (kind: string) => z.object({ kind: z.literal(kind), [kind]: text.meta(described) });
  const refusals: [string, z.ZodType, string][] = [
    ['a discriminated union', z.discriminatedUnion('kind', [of('a'), of('b')]), 'exactly one of'],
    ['a union', z.union([z.object({}), z.int()]), 'exactly one of'],
    ['an intersection', z.intersection(z.int(), text), 'exactly one of'],
    ['a look-ahead', text.regex(/^(?!x)/).meta({ patternMessage: 'must not' }), 'no look-around'],
    [
      "a duration of ISO 8601, which is zod's look-ahead",
      z.iso.duration().max(10),
      'does not know the format',
    ],
    ['a format that the API server would ignore', z.email().max(10), 'does not know the format email'],
    ['a pattern without a sentence', text.regex(/^a$/), 'no patternMessage'],
    ['a string without a bound', z.string(), 'needs max()'],
    ['a list without a bound', z.array(text), 'needs max()'],
    ['a map without a bound', z.record(text, text), 'needs maxProperties'],
    ['named fields beside a catchall', z.object({ a: text.meta(described) }).catchall(text), 'catchall'],
    ['an unknown keyword', text.meta({ example: 'x' }), 'the keyword example'],
  ];
  test.each(refusals)('%s', (_, schema, problem) => {
    const inside = z.object({ field: schema.meta(described) });
    expect(() => structural(inside, 'X.spec')).toThrow(NotStructural);
    expect(() => structural(inside, 'X.spec')).toThrow(problem);
    expect(() => structural(inside, 'X.spec')).toThrow(/^X\.spec\.field/);
  });

  test('a field without a description', () => {
    expect(() => structural(z.object({ a: text }), 'X')).toThrow('X.a: has no description');
  });
});
