import { type AgentWorkspace, apiVersion, type PermissionMode } from '@dormouse/crds';
import { parseAllDocuments } from 'yaml';
import { Failure } from '../failure.ts';

/** What of a workspace a person can say by options. */
export interface WorkspaceOptions {
  class?: string;
  model?: string;
  idle?: string;
  size?: string;
  snapshotClass?: string;
  permissionMode?: PermissionMode;
  systemPrompt?: string;
  /** Each `NAME=VALUE`. */
  env?: string[];
}

/** A workspace as a person states it: whatever is left out gets its default from the API server. */
export type Manifest = Pick<AgentWorkspace, 'apiVersion' | 'kind' | 'metadata'> & {
  spec: Record<string, unknown>;
};

/** The manifest of a new workspace: `base`, with what the options say put over it. */
export function manifestOf(
  metadata: { name: string; namespace: string | undefined },
  options: WorkspaceOptions,
  base?: Partial<Manifest>,
): Manifest {
  const spec: Record<string, unknown> = { ...base?.spec };
  const put = (field: string, values: Record<string, unknown>) => {
    const given = Object.entries(values).filter(([, value]) => value !== undefined);
    if (given.length > 0)
      spec[field] = { ...(spec[field] as object | undefined), ...Object.fromEntries(given) };
  };
  put('classRef', { name: options.class });
  put('storage', { size: options.size });
  put('idle', { after: options.idle });
  put('checkpoint', { volumeSnapshotClassName: options.snapshotClass });
  put('agent', {
    model: options.model,
    systemPrompt: options.systemPrompt,
    permissionMode: options.permissionMode,
  });
  if (options.env !== undefined) {
    const known = new Map((spec.env as Variable[] | undefined)?.map((each) => [each.name, each]));
    for (const each of options.env.map(variable)) known.set(each.name, each);
    spec.env = [...known.values()];
  }
  const namespace = metadata.namespace ?? base?.metadata?.namespace;
  return {
    apiVersion,
    kind: 'AgentWorkspace',
    metadata: { ...base?.metadata, name: metadata.name, ...(namespace !== undefined && { namespace }) },
    spec,
  };
}

interface Variable {
  name: string;
  value: string;
}

function variable(text: string): Variable {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new Failure('usage', `--env takes NAME=VALUE, not "${text}"`);
  }
  return { name, value };
}

/**
 * What a YAML or JSON file says.
 * @throws Failure `usage` where it holds anything but one AgentWorkspace
 */
export function parseManifest({ name, text }: { name: string; text: string }): Partial<Manifest> {
  const documents = parseAllDocuments(text);
  const [document] = documents;
  const problem = document?.errors[0]?.message;
  if (problem !== undefined) throw new Failure('usage', `${name} is no YAML: ${problem}`);
  const object = document?.toJS() as Partial<Manifest> | null | undefined;
  if (documents.length !== 1 || object?.kind !== 'AgentWorkspace' || object.apiVersion !== apiVersion) {
    throw new Failure('usage', `${name} must hold one AgentWorkspace of ${apiVersion}`, [
      'For other objects, or several:  kubectl apply --filename FILE',
    ]);
  }
  return object;
}
