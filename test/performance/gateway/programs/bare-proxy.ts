/**
 * The least that a proxy in Node.js costs: node:http on both sides, joined by pipes; no door, no limits, no log. Takes the
 * host and port of the server behind it. Says `{"port": NUMBER}`.
 */
import { Agent, createServer, request as open } from 'node:http';

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true });
const server = createServer((request, response) => {
  const { method, url, headers } = request;
  const upstream = open({ host, port, method, path: url, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(response);
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
});
server.keepAliveTimeout = 65_000;
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
  process.stdout.write(`${JSON.stringify(server.address())}\n`);
});
