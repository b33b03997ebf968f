/** A workspace as an MCP server for other agents. */
export { McpEndpoint } from './endpoint.ts';
