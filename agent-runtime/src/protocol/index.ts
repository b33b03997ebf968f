/** What the operator, the gateway, `agentd` and `workspaced` say to each other. */
export * from './agent-api.ts';
export * from './agent-key.ts';
export * from './archive.ts';
export * from './config.ts';
export * from './egress.ts';
export * from './events.ts';
export * from './gateway.ts';
export * from './mail.ts';
export * from './mcp.ts';
export * from './messages.ts';
export * from './paths.ts';
export * from './pipes.ts';
export * from './plugins.ts';
export * from './state.ts';
export * from './terminals.ts';
export * from './tools-api.ts';
