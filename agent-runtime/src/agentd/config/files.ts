import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RuntimeConfig, runtimeConfig } from '../../protocol/config.ts';
import { egressProxyEntry } from '../../protocol/egress.ts';

export interface MountedConfig {
  config: RuntimeConfig;
  /** What callers of the API must show. */
  key: string;
  /** The workspace's way out; absent where there is none. */
  egressProxy?: string;
}

/** The folder of the workspace's Secret cannot be used; the message says which file and why. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads the mounted Secret: `config.json`, `key`, and `egress-proxy` where it is there. */
export async function readMountedConfig(folder: string): Promise<MountedConfig> {
  const [text, key] = await Promise.all([
    readSecret(join(folder, 'config.json')),
    readSecret(join(folder, 'key')),
  ]);
  if (key.length < 16)
    throw new ConfigError(`${join(folder, 'key')} must hold a key of at least 16 characters`);
  const parsed = runtimeConfig.safeParse(parseJson(text, join(folder, 'config.json')));
  if (!parsed.success) throw new ConfigError(`${join(folder, 'config.json')}: ${parsed.error.message}`);
  const egressProxy = await readFile(join(folder, egressProxyEntry), 'utf8').catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw new ConfigError(`${join(folder, egressProxyEntry)} cannot be read`, { cause: error });
    },
  );
  return { config: parsed.data, key, ...(egressProxy.trim() !== '' && { egressProxy: egressProxy.trim() }) };
}

async function readSecret(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    throw new ConfigError(`${path} cannot be read`, { cause: error });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path} is no JSON`, { cause: error });
  }
}
