import type { RuntimeState } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspaceClass } from '@dormouse/crds';

/** The gateway names what is to be mended by itself; what a provider says needs the objects that it speaks of. */
export function modelProblem(
  { from, reason, status, message }: NonNullable<RuntimeState['modelProblem']>,
  of: AgentWorkspaceClass | undefined,
  className = '',
): string {
  if (from === 'gateway') return message;
  const { baseUrl = 'The provider', secretRef } = of?.spec.model ?? {};
  const said = `${baseUrl} answered${status === undefined ? '' : ` ${status}`}: ${message}`;
  if (reason !== 'Unauthorized') return said;
  const secret = secretRef?.name ?? '(none: spec.model.secretRef is not set)';
  return `${said}. The credential is in Secret ${secret}, named by AgentWorkspaceClass ${of?.metadata.name ?? className}.`;
}
