import { spawn } from 'node:child_process';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ApiServer } from '../../../test/support/api-server/index.ts';

/** A request for one of the API server's streams. */
export interface StreamAsked {
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
}

type Play = (socket: WebSocket, asked: StreamAsked) => void;

/** The streams of pods that the stand-in API server has besides its requests. */
export class PodStreams {
  readonly asked: StreamAsked[] = [];
  /** Answers 403 as the API server does, with this message. */
  forbidden: string | undefined;

  /** @param play what there is at the other end, by the protocol that was agreed on */
  constructor(server: ApiServer, play: Record<string, Play>) {
    const sockets = new WebSocketServer({
      noServer: true,
      handleProtocols: (offered) => [...offered].find((each) => each in play) ?? false,
    });
    server.onUpgrade((request, socket, head) => {
      const url = new URL(request.url ?? '/', 'http://stand-in');
      const asked = { path: url.pathname, query: url.searchParams, headers: request.headers };
      this.asked.push(asked);
      if (this.forbidden !== undefined) {
        const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: this.forbidden };
        const body = JSON.stringify(status);
        socket.end(`HTTP/1.1 403 Forbidden\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (client) => play[client.protocol]?.(client, asked));
    });
  }
}

/** The other end of `portforward`: whatever port is asked for is this one of this machine. */
export function forwardTo(port: () => number): Record<string, Play> {
  return {
    'v4.channel.k8s.io': (client, { query }) => {
      const named = Buffer.alloc(2);
      named.writeUInt16LE(Number(query.get('ports')));
      for (const channel of [0, 1]) client.send(Buffer.concat([Buffer.of(channel), named]));
      const there = connect(port(), '127.0.0.1');
      there.on('data', (chunk: Buffer) => client.send(Buffer.concat([Buffer.of(0), chunk])));
      there.on('error', (error) => client.send(Buffer.concat([Buffer.of(1), Buffer.from(error.message)])));
      there.on('close', () => client.close());
      client.on('message', (message: Buffer) => there.write(message.subarray(1)));
      client.on('close', () => there.destroy());
    },
  };
}

/** The other end of `exec`: the command runs on this machine. */
export function runHere(): Record<string, Play> {
  return {
    'v5.channel.k8s.io': (client, { query }) => {
      const [program = '', ...args] = query.getAll('command');
      const child = spawn(program, args, { cwd: '/' });
      const send = (channel: number) => (chunk: Buffer) =>
        client.send(Buffer.concat([Buffer.of(channel), chunk]));
      child.stdout.on('data', send(1));
      child.stderr.on('data', send(2));
      child.stdin.on('error', () => undefined);
      client.on('message', (message: Buffer) => {
        if (message[0] === 0) child.stdin.write(message.subarray(1));
        else if (message[0] === 255) child.stdin.end();
      });
      client.on('close', () => child.kill());
      child.on('close', (code) => {
        const causes = [{ reason: 'ExitCode', message: String(code) }];
        const failed = { status: 'Failure', reason: 'NonZeroExitCode', details: { causes } };
        send(3)(Buffer.from(JSON.stringify(code === 0 ? { status: 'Success' } : failed)));
        client.close();
      });
    },
  };
}
