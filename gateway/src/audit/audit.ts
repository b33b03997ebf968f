import type { Right } from '../auth/index.ts';
import type { EgressRecord } from '../egress/index.ts';
import type { MailRecord } from '../mail/mail.ts';
import type { McpRelayRecord } from '../mcp-relay/mcp-relay.ts';
import type { CredentialUse } from '../model-proxy/telemetry/credential-use.ts';
import type { PluginRelayRecord } from '../plugin-relay/plugin-relay.ts';

/** Who did what to which workspace, and what came of it. No token, no path parameter, no body. */
export interface AuditRecord {
  action: Right;
  user: string;
  /** How many groups: their names can be many and long. */
  groups: number;
  /** `NAMESPACE/NAME`. */
  workspace: string;
  /** The route, or `port`. */
  route: string;
  service?: string;
  /** `answered`, `opened` (a stream or WebSocket: another line tells of its end), `left` (the client did), or the code of a refusal. */
  outcome: string;
  /** HTTP status; 499 where the client left before one was sent. */
  status: number;
  milliseconds: number;
}

/** Writes audit records as log lines that a collector can select by `audit: true`. */
export function auditTo(log: {
  info(fields: object, message: string): void;
}): (
  record: AuditRecord | CredentialUse | EgressRecord | MailRecord | McpRelayRecord | PluginRelayRecord,
) => void {
  return (record) => log.info({ audit: true, ...record }, record.action);
}
