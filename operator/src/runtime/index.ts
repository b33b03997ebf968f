/** The agents of running workspaces, as the operator talks to them. */
export { readArchiveProgress } from './archive-progress.ts';
export type { AgentConnection } from './connection.ts';
export { AgentConnections } from './connections.ts';
export { AgentRefusedError, AgentUnreachableError } from './errors.ts';
export { cutText } from './reply.ts';
export { type AgentTarget, type AgentTransport, directTransport, proxyTransport } from './transport.ts';
export { noRuntime, type RuntimeView, withAnsweredCheckpoint } from './view.ts';
