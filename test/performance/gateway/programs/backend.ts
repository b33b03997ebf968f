/**
 * What stands in for an agent, at the address and port that are the arguments: a kilobyte of JSON at each path, and at
 * `/v1/events` a stream with an opening event and comments, as agentd sends them. Says `{"port": NUMBER}`.
 */
import { createServer, type ServerResponse } from 'node:http';

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const body = JSON.stringify({ sessions: 'x'.repeat(1_000) });
const streams = new Set<ServerResponse>();
setInterval(() => {
  for (const each of streams) each.write(':\n\n');
}, 5_000);
const server = createServer((request, response) => {
  if (!request.url?.startsWith('/v1/events')) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write('event: state\ndata: {"cursor":1}\n\n');
  streams.add(response);
  response.on('close', () => streams.delete(response));
});
server.keepAliveTimeout = 65_000;
server.listen({ host, port: Number(port), backlog: 4_096 }, () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
