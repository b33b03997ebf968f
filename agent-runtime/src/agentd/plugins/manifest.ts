import { posix } from 'node:path';
import { z } from 'zod';
import { lineOf, parseJson } from '../settings/json.ts';

const maxText = 10_000;
const path = z
  .string()
  .max(512)
  .refine(
    (it) => it.startsWith('./') && !it.split('/').includes('..'),
    'must begin with ./ and stay in the plugin',
  );
/** One, or a list of them. */
const paths = z.preprocess((it) => (typeof it === 'string' ? [it] : it), z.array(path).max(100));
const pathsOrInline = z.union(
  [path.transform((it) => [it]), z.array(path).max(20), z.record(z.string(), z.unknown())],
  'must be a path that begins with ./, a list of them, or an object',
);

/** An option that whoever declares the plugin may set. */
const option = z.looseObject({
  type: z.enum(['string', 'number', 'boolean', 'directory', 'file']).default('string'),
  description: z.string().max(maxText).optional(),
  required: z.boolean().default(false),
  sensitive: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
});

/** `.claude-plugin/plugin.json`, as far as it has an effect here. What else it holds is for other programs. */
const manifestSchema = z.looseObject({
  name: z.string().max(63),
  version: z.string().max(200).optional(),
  commands: paths.optional(),
  agents: paths.optional(),
  skills: paths.optional(),
  hooks: pathsOrInline.optional(),
  mcpServers: pathsOrInline.optional(),
  userConfig: z.record(z.string().regex(/^[A-Za-z_]\w*$/), option).optional(),
});
export type PluginManifest = z.infer<typeof manifestSchema>;

/** Reads a manifest. A `problem` names the file and the line. */
export async function parseManifest(
  file: string,
  text: string,
): Promise<{ manifest: PluginManifest } | { problem: string }> {
  const json = parseJson(file, text);
  if ('problem' in json) return json;
  const parsed = manifestSchema.safeParse(json.value);
  if (parsed.success) return { manifest: parsed.data };
  const [issue] = parsed.error.issues;
  const at = issue?.path ?? [];
  return { problem: `${file}:${await lineOf(text, at)}: ${at.join('.') || 'it'}: ${issue?.message}.` };
}

/** Where the parts of a plugin lie, by absolute paths: folders, or files that end in `.md` or `.json`. */
export interface PluginPlaces {
  commands: string[];
  agents: string[];
  skills: string[];
  hooks: string[];
  mcp: string[];
}

/** `commands` and `agents` of the manifest take the place of the usual folders; the others are looked at beside them. */
export function placesOf(root: string, manifest: Partial<PluginManifest>): PluginPlaces {
  const absolute = (list: readonly string[]) => list.map((it) => posix.join(root, it));
  const files = (value: PluginManifest['hooks']) => (Array.isArray(value) ? value : []);
  const unique = (list: string[]) => [...new Set(absolute(list))];
  return {
    commands: absolute(manifest.commands ?? ['commands']),
    agents: absolute(manifest.agents ?? ['agents']),
    skills: unique(['skills', ...(manifest.skills ?? [])]),
    hooks: unique(['hooks/hooks.json', ...files(manifest.hooks)]),
    mcp: unique(['.mcp.json', ...files(manifest.mcpServers)]),
  };
}

/** The values of the options, as texts; or sentences on those that are missing or wrong. */
export function optionsOf(
  { userConfig = {} }: Partial<PluginManifest>,
  given: Readonly<Record<string, string>>,
): { options: Record<string, string>; problems: string[] } {
  const options: Record<string, string> = {};
  const problems = Object.keys(given)
    .filter((name) => !Object.hasOwn(userConfig, name))
    .map(
      (name) =>
        `config: the plugin has no option ${name}; it has: ${Object.keys(userConfig).join(', ') || 'none'}.`,
    );
  for (const [name, { type, required, sensitive, default: usual }] of Object.entries(userConfig)) {
    const value = given[name] ?? (usual === undefined ? undefined : String(usual));
    if (value === undefined) {
      if (required) problems.push(`config: the option ${name} must be set.`);
    } else if (sensitive && given[name] !== undefined)
      problems.push(
        `config: the option ${name} is sensitive, and spec.plugins is no place for secrets. Leave it out.`,
      );
    else if (type === 'number' && !Number.isFinite(Number(value)))
      problems.push(`config: the option ${name} must be a number.`);
    else if (type === 'boolean' && !['true', 'false'].includes(value))
      problems.push(`config: the option ${name} must be true or false.`);
    else options[name] = value;
  }
  return { options, problems };
}
