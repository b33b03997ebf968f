import type { PluginPlaces } from './manifest.ts';

/** A plugin that is there, with where its parts lie. */
export interface Plugin {
  /** What its parts are called by: `NAME:PART`. */
  name: string;
  version?: string;
  /** Its folder, as the container `workspace` sees it. */
  root: string;
  /** Whether a digest or a commit says what it is. One from the volume may have been written by the model. */
  pinned: boolean;
  places: PluginPlaces;
  /** Hooks and servers that stand in the manifest itself. */
  inline: { path: string; text: string; hooks?: unknown; mcpServers?: Record<string, unknown> };
  /** What stands for `${NAME}` in its files: `CLAUDE_PLUGIN_ROOT`, `CLAUDE_PLUGIN_DATA`, `user_config.KEY`. */
  variables: Readonly<Record<string, string>>;
  /** What its hooks and servers find in their environment. */
  env: Readonly<Record<string, string>>;
}

/** The texts in a value of JSON, with the variables of a plugin put in. Others stay as they are. */
export function withVariables<T>(value: T, { variables }: Pick<Plugin, 'variables'>): T {
  const put = (each: unknown): unknown => {
    if (typeof each === 'string')
      return each.replace(
        /\$\{(CLAUDE_PLUGIN_\w+|user_config\.\w+)\}/g,
        (whole, name: string) => variables[name] ?? whole,
      );
    if (Array.isArray(each)) return each.map(put);
    if (typeof each === 'object' && each !== null)
      return Object.fromEntries(Object.entries(each).map(([key, inner]) => [key, put(inner)]));
    return each;
  };
  return put(value) as T;
}
