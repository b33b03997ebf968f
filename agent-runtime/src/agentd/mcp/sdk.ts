/** What is used of the SDK: what is named here is in the program, and not the rest. */
export {
  auth,
  Client,
  ClientCredentialsProvider,
  deserializeMessage,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
