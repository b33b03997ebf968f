import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { outboundRequest, pipeRequest } from '../../protocol/pipes.ts';
import { terminalRequest } from '../../protocol/terminals.ts';
import {
  backgroundRequest,
  bytesRequest,
  collectRequests,
  editRequest,
  execRequest,
  fetchRequest,
  globRequest,
  grepRequest,
  readRequest,
  removeRequest,
  resolveRequest,
  restoreRequest,
  servicesRequest,
  stopRequest,
  terminalUpgrade,
  writeRequest,
} from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/tasks.ts';
import type { Sleep } from '../checkpoint/sleep.ts';
import { type ExecContext, runCommand } from '../exec/run.ts';
import { readBytes } from '../files/bytes.ts';
import { collectAll } from '../files/collect.ts';
import { editFile } from '../files/edit.ts';
import { findFiles } from '../files/glob.ts';
import { type GrepContext, searchFiles } from '../files/grep.ts';
import { readLines } from '../files/read.ts';
import { removeFile } from '../files/remove.ts';
import { writeWhole } from '../files/write.ts';
import type { Gate } from '../gate.ts';
import type { Outbound } from '../outbound/send.ts';
import { runPiped } from '../pipe/run.ts';
import { commandEnvironment } from '../process/environment.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { Terminals } from '../terminal/terminals.ts';
import { ToolFailure } from '../tool-failure.ts';
import type { WebContext } from '../web/fetch.ts';
import { parse, readBody } from './body.ts';
import { whenGone } from './gone.ts';
import { readHeadLine } from './head-line.ts';
import type { Listeners } from './listeners.ts';
import { NdjsonStream } from './ndjson.ts';

/** What the routes serve. */
export interface Workspace {
  bootId: string;
  gate: Gate;
  exec: ExecContext;
  outbound: Outbound;
  background: BackgroundTasks;
  services: Supervisor;
  terminals: Terminals;
  search: GrepContext;
  web: WebContext;
  sleep: Sleep;
  listeners: Listeners;
}

export interface Call {
  /** The segment of the path that the route calls `:id`. */
  id: string;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
}

export interface Route {
  method: string;
  /** `:id` stands for one segment. */
  path: string;
  /** Resolves with the body of the answer, or with `undefined` when the route answers by itself. */
  handle: (call: Call) => unknown;
  /**
   * Where the path can also be upgraded to `terminalUpgrade`: rejects with what keeps it from that, or answers what takes the
   * connection over.
   */
  upgrade?: (id: string) => Promise<(socket: Duplex, head: Buffer) => void>;
}

/** Bytes of one slice: as JSON, at worst six times as much, which still is an answer that `agentd` takes. */
const maxSlice = 1024 * 1024;
const sliceQuery = z.object({
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).default(maxSlice),
  lines: z.stringbool().default(false),
});

export function routesOf(workspace: Workspace): Route[] {
  return [
    ...commands(workspace),
    ...pipes(workspace),
    ...terminals(workspace),
    ...files(workspace),
    ...web(workspace),
    ...lifecycle(workspace),
  ];
}

function commands({ gate, exec, background }: Workspace): Route[] {
  return [
    {
      method: 'POST',
      path: '/exec',
      async handle({ request, response }) {
        const body = await readBody(request, execRequest);
        const stream = new NdjsonStream(response);
        await gate.run(async (closing) => {
          const abandoned = AbortSignal.any([closing, stream.gone]);
          await runCommand(body, exec, (event) => stream.write(event), abandoned);
          // Without the last event: that the workspace stopped the command must not look like its own end.
          if (abandoned.aborted) stream.drop();
          else stream.end();
        });
      },
    },
    {
      method: 'POST',
      path: '/background',
      async handle({ request }) {
        const body = await readBody(request, backgroundRequest);
        return gate.run(() => background.start(body));
      },
    },
    { method: 'GET', path: '/background', handle: () => background.list() },
    {
      method: 'GET',
      path: '/background/:id/output',
      handle({ id, query }) {
        const { offset, limit, lines } = parse(sliceQuery, Object.fromEntries(query), 'the query');
        return background.output(id, offset, Math.min(limit, maxSlice), lines);
      },
    },
    { method: 'DELETE', path: '/background/:id', handle: ({ id }) => background.kill(id) },
  ];
}

/** What agentd speaks to from here: programs with their input, servers on the network. */
function pipes({ gate, exec, outbound }: Workspace): Route[] {
  return [
    {
      method: 'POST',
      path: '/pipes',
      async handle({ request, response }) {
        const head = await readHeadLine(request, pipeRequest);
        const stream = new NdjsonStream(response);
        await gate.run(async (closing) => {
          const abandoned = AbortSignal.any([closing, stream.gone]);
          await runPiped(head, request, exec, (event) => stream.write(event), abandoned);
          if (abandoned.aborted) stream.drop();
          else stream.end();
        });
      },
    },
    {
      method: 'POST',
      path: '/outbound',
      async handle({ request, response }) {
        const head = await readHeadLine(request, outboundRequest);
        const gone = whenGone(response);
        // It changes nothing here, and ends all the same: nobody is there to read the answer when the workspace sleeps.
        await gate.run((closing) => outbound.send(head, request, response, AbortSignal.any([closing, gone])));
      },
    },
    {
      method: 'GET',
      path: '/environment',
      handle: () => commandEnvironment(exec.home, exec.declared),
    },
  ];
}

function terminals({ gate, terminals }: Workspace): Route[] {
  return [
    {
      method: 'POST',
      path: '/terminals',
      async handle({ request }) {
        const body = await readBody(request, terminalRequest);
        return gate.run(() => terminals.open(body));
      },
    },
    {
      method: 'GET',
      path: '/terminals',
      async handle() {
        await gate.settled();
        return { terminals: terminals.list() };
      },
    },
    {
      method: 'GET',
      path: '/terminals/:id',
      handle() {
        throw new ToolFailure('invalid', `a terminal is reached by an upgrade to ${terminalUpgrade}`);
      },
      async upgrade(id) {
        await gate.settled();
        return terminals.attach(id);
      },
    },
    {
      method: 'DELETE',
      path: '/terminals/:id',
      async handle({ id }) {
        await gate.settled();
        await terminals.end(id);
        return {};
      },
    },
  ];
}

function files({ gate, search }: Workspace): Route[] {
  const { confinement } = search;
  return [
    {
      method: 'POST',
      path: '/files/read',
      handle: async ({ request }) => readLines(await readBody(request, readRequest), confinement),
    },
    {
      method: 'POST',
      path: '/files/resolve',
      async handle({ request }) {
        const { paths } = await readBody(request, resolveRequest);
        return { paths: await Promise.all(paths.map((path) => confinement.resolve(path))) };
      },
    },
    {
      method: 'POST',
      path: '/files/bytes',
      handle: async ({ request }) => readBytes(await readBody(request, bytesRequest), confinement),
    },
    {
      method: 'POST',
      path: '/files/write',
      async handle({ request }) {
        const body = await readBody(request, writeRequest);
        return gate.run(() => writeWhole(body, confinement));
      },
    },
    {
      method: 'POST',
      path: '/files/remove',
      async handle({ request }) {
        const body = await readBody(request, removeRequest);
        return gate.run(() => removeFile(body, confinement));
      },
    },
    {
      method: 'POST',
      path: '/files/edit',
      async handle({ request }) {
        const body = await readBody(request, editRequest);
        return gate.run(() => editFile(body, confinement));
      },
    },
    {
      method: 'POST',
      path: '/files/glob',
      handle: async ({ request }) => findFiles(await readBody(request, globRequest), confinement),
    },
    {
      method: 'POST',
      path: '/files/collect',
      handle: async ({ request }) => collectAll(await readBody(request, collectRequests), confinement),
    },
    {
      method: 'POST',
      path: '/files/grep',
      async handle({ request, response }) {
        const body = await readBody(request, grepRequest);
        const gone = whenGone(response);
        // It starts a process, so it waits outside like any command.
        return gate.run((closing) => searchFiles(body, search, AbortSignal.any([closing, gone])));
      },
    },
  ];
}

function web({ gate, web: context }: Workspace): Route[] {
  return [
    {
      method: 'POST',
      path: '/fetch',
      async handle({ request, response }) {
        const body = await readBody(request, fetchRequest);
        const gone = whenGone(response);
        // Loaded when it is first needed: a wake does not wait for it.
        const { fetchPage } = await import('../web/fetch.ts');
        return gate.run((closing) => fetchPage(body, context, AbortSignal.any([closing, gone])));
      },
    },
  ];
}

function lifecycle({ bootId, gate, services, sleep, listeners }: Workspace): Route[] {
  return [
    {
      method: 'PUT',
      path: '/services',
      async handle({ request }) {
        const body = await readBody(request, servicesRequest);
        return gate.run(() => services.declare(body.services));
      },
    },
    { method: 'GET', path: '/services', handle: () => services.list() },
    {
      method: 'GET',
      path: '/events',
      handle: ({ response }) => listeners.add(new NdjsonStream(response)),
    },
    {
      method: 'POST',
      path: '/checkpoint',
      handle: async ({ request }) => sleep.stop(await readBody(request, stopRequest)),
    },
    {
      method: 'POST',
      path: '/restore',
      handle: async ({ request }) => sleep.restore(await readBody(request, restoreRequest)),
    },
    { method: 'GET', path: '/healthz', handle: () => ({ bootId, stopping: gate.closed }) },
  ];
}
