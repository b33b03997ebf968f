import type { RuntimeState } from '@dormouse/agent-runtime/protocol';
import type { Condition } from '@dormouse/crds';
import { conditionOf, type Finding } from './conditions.ts';

/** What the agent says of its plugins. Nothing of a workspace that never had any. */
export function pluginsFinding(
  plugins: RuntimeState['plugins'],
  conditions: readonly Condition[] | undefined,
): Finding[] {
  const type = 'PluginsLoaded';
  if (plugins.length === 0)
    return conditionOf(conditions, type) === undefined ? [] : [{ type, reason: 'NoPlugins' }];
  const failed = plugins.filter(({ status }) => status === 'Failed');
  if (failed.length > 0)
    return [
      {
        type,
        reason: 'Failed',
        message: failed.map(({ name, problems }) => `${name}: ${problems.join(' ')}`).join('\n'),
      },
    ];
  if (plugins.some(({ status }) => status === 'Pending')) return [{ type, reason: 'Loading' }];
  const versions = plugins.map(({ name, version }) => (version === undefined ? name : `${name} ${version}`));
  return [{ type, reason: 'Loaded', message: `${versions.join(', ')}.` }];
}
