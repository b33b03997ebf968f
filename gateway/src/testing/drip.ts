import { connect } from 'node:net';

/** Sends a line now and then for as long as it is let; answers all that came until the connection was closed. */
export async function drip(port: number, first: string, line: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write(first);
  const dripping = setInterval(() => socket.write(line), 20);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  clearInterval(dripping);
  return text;
}
