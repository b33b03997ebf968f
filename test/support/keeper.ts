import type { WorkspaceInput } from './workspaces.ts';

/** A server that keeps a word in its memory alone. It says its process id and the word. */
const server = (port: number) => `
import http.server, os
word = "nothing"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global word
        if self.path.startswith("/keep/"): word = self.path[6:]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"pid {os.getpid()} keeps {word}".encode())
http.server.ThreadingHTTPServer(("", ${port}), Handler).serve_forever()
`;

/** A service that keeps what `ask(port, '/keep/WORD')` tells it, and is asked with `ask(port)`. */
export function keeper(name: string, port: number): NonNullable<WorkspaceInput['services']>[number] {
  return { name, command: ['python3', '-u', '-c', server(port)], port, restart: 'Always' };
}

/** A line of a message: the agent asks the service, which may be starting. */
export const ask = (port: number, path = '/'): string =>
  `run: curl --silent --retry 20 --retry-connrefused --retry-delay 1 --noproxy '*' http://127.0.0.1:${port}${path}`;

/** What the service said: `pid 323 keeps WORD`. */
export const said = (reply: string): string | undefined => /pid \d+ keeps \w+/.exec(reply)?.[0];
