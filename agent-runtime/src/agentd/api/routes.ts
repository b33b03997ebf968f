import { z } from 'zod';
import { approvalDecision, checkpointRequest } from '../../protocol/agent-api.ts';
import { configUpdate } from '../../protocol/config.ts';
import { runtimeEvent } from '../../protocol/events.ts';
import { messageRecord, messageRequest } from '../../protocol/messages.ts';
import {
  checkpointState,
  runtimeState,
  scheduleState,
  sessionChange,
  sessionDetail,
  sessionRewind,
  sessionRewound,
} from '../../protocol/state.ts';
import { FileRefused } from '../../regular-file/regular-file.ts';
import type { Agent } from '../agent.ts';
import { transcriptEntry } from '../session/entry.ts';
import type { Session } from '../session/session.ts';
import { ToolsUnavailable } from '../tools/tools-client.ts';
import { HttpError } from './error.ts';
import { streamEvents } from './event-stream.ts';
import { fileRoutes, wholeNumber } from './file-routes.ts';
import { mcpRoutes } from './mcp-routes.ts';
import { openApiDocument } from './openapi.ts';
import { pluginRoutes } from './plugin-routes.ts';
import { type Route, route } from './route.ts';
import { terminalRoutes } from './terminal-routes.ts';
import { sendTranscript } from './transcript.ts';

const none = z.object({});
const forkRequest = z.object({
  session: messageRequest.shape.session,
  /** The UUID of the last entry to take over; absent: all. */
  at: z.string().max(64).optional(),
});
const session = { description: 'The session.', schema: sessionDetail };

/** Everything `agentd` answers. */
export function routesOf(agent: Agent): Route[] {
  const routes: Route[] = [
    ...probes(agent),
    ...workspace(agent),
    ...conversation(agent),
    ...fileRoutes(agent),
    ...mcpRoutes(agent),
    ...pluginRoutes(agent),
    ...schedules(agent),
    ...terminalRoutes(agent),
    ...checkpoints(agent),
  ];
  let document: object | undefined;
  routes.push(
    route({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This document.',
      answers: { 200: { description: 'OpenAPI 3.1', schema: none } },
      handle: () => {
        document ??= openApiDocument(routes);
        return { status: 200, body: document };
      },
    }),
  );
  return routes;
}

function probes(agent: Agent): Route[] {
  const ok = { 200: { description: 'Yes.', schema: none } };
  return [
    route({
      method: 'GET',
      path: '/healthz',
      summary: 'Whether it lives.',
      open: true,
      answers: ok,
      handle: () => ({ status: 200, body: { status: 'ok' } }),
    }),
    route({
      method: 'GET',
      path: '/readyz',
      summary: 'Whether it takes messages.',
      open: true,
      answers: { ...ok, 503: { description: 'Not now.' } },
      handle: () => {
        if (agent.stopping) throw new HttpError('unavailable', 'The agent is stopping.');
        return { status: 200, body: { status: 'ready' } };
      },
    }),
    route({
      method: 'GET',
      path: '/metrics',
      summary: 'Prometheus metrics.',
      answers: { 200: { description: 'Text format.', mediaType: 'text/plain' } },
      handle: async ({ response }) => {
        const { contentType, body } = await agent.metrics.text();
        response.writeHead(200, { 'content-type': contentType });
        response.end(body);
        return undefined;
      },
    }),
  ];
}

function workspace(agent: Agent): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/state',
      summary: 'Everything the operator needs to know of this workspace.',
      answers: { 200: { description: 'The state.', schema: runtimeState } },
      handle: () => ({ status: 200, body: agent.state() }),
    }),
    route({
      method: 'GET',
      path: '/v1/events',
      summary: 'Server-sent events: the state, what came after the cursor, and what comes.',
      query: { after: 'The cursor of the last event that was seen. Without it the stream begins now.' },
      answers: {
        200: { description: 'Each data line.', schema: runtimeEvent, mediaType: 'text/event-stream' },
      },
      handle: ({ query, request, response }) => {
        const last = query.get('after') ?? request.headers['last-event-id']?.toString();
        streamEvents(
          response,
          last === undefined ? undefined : wholeNumber('after', last),
          agent.eventSources,
        );
        return undefined;
      },
    }),
    route({
      method: 'PUT',
      path: '/v1/config',
      summary: 'Replaces the configuration at once.',
      body: configUpdate,
      answers: { 200: { description: 'In force.', schema: z.object({ revision: z.string() }) } },
      handle: async ({ body }) => {
        await agent.configure(body);
        return { status: 200, body: { revision: body.config.revision } };
      },
    }),
  ];
}

function conversation(agent: Agent): Route[] {
  const record = { description: 'Where it stands.', schema: messageRecord };
  return [
    route({
      method: 'POST',
      path: '/v1/messages',
      summary: 'Gives a session a prompt. The same key again is the same message.',
      body: messageRequest,
      answers: { 202: { description: 'On disk.', schema: messageRecord }, 200: record },
      handle: async ({ body }) => {
        const { record: answer, fresh } = await agent.accept(body);
        return { status: fresh ? 202 : 200, body: answer };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/messages/:key',
      summary: 'Where a message stands.',
      answers: { 200: record },
      handle: async ({ params }) => {
        const found = await agent.sessions.recordOf(params.key ?? '');
        if (found === undefined) throw new HttpError('not_found', `There is no message ${params.key}.`);
        return { status: 200, body: found };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/sessions',
      summary: 'All sessions.',
      answers: { 200: { description: 'Sessions.', schema: z.array(sessionDetail) } },
      handle: () => ({ status: 200, body: agent.sessions.all().map((session) => session.detail()) }),
    }),
    route({
      method: 'GET',
      path: '/v1/sessions/:id/transcript',
      summary: 'The transcript, one entry a line.',
      query: { after: 'Entries to pass over.', limit: 'Entries to send; all of them unless given.' },
      answers: {
        200: { description: 'Each line.', schema: transcriptEntry, mediaType: 'application/x-ndjson' },
      },
      handle: async ({ params, query, response }) => {
        const session = sessionOf(agent, params);
        const after = wholeNumber('after', query.get('after') ?? '0');
        const limit = query.get('limit');
        await sendTranscript(
          response,
          session,
          after,
          limit === null ? undefined : wholeNumber('limit', limit),
        );
        return undefined;
      },
    }),
    route({
      method: 'POST',
      path: '/v1/sessions/:id/interrupt',
      summary: 'Stops the turn under way. Its message fails with the reason Interrupted.',
      body: none,
      answers: { 202: { description: 'It stops.', schema: none } },
      handle: async ({ params }) => {
        agent.mustTakeWork();
        const stopped = await sessionOf(agent, params).interrupt();
        if (!stopped) throw new HttpError('conflict', `Session ${params.id} has no turn to stop.`);
        return { status: 202, body: {} };
      },
    }),
    route({
      method: 'PATCH',
      path: '/v1/sessions/:id',
      summary: 'Names a session.',
      body: sessionChange,
      answers: { 200: session },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const named = sessionOf(agent, params);
        await named.rename(body.title);
        return { status: 200, body: named.detail() };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/sessions/:id/rewind',
      summary:
        'Takes back a message and what followed it: the conversation goes on from before it. With `files`, what tools changed in files since is undone, too; a file that something else changed is left and named.',
      body: sessionRewind,
      answers: { 200: { description: 'The session, and what became of the files.', schema: sessionRewound } },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const rewound = sessionOf(agent, params);
        const result = await rewound.rewind(body.message, body).catch((error: unknown) => {
          if (error instanceof ToolsUnavailable)
            throw new HttpError('unavailable', `${error.message}. Nothing was taken back.`);
          throw error;
        });
        if (result === 'busy')
          throw new HttpError(
            'conflict',
            `Session ${params.id} works on a message: stop it, or wait for its end.`,
          );
        if (result === 'unknown')
          throw new HttpError('not_found', `Session ${params.id} has no message ${body.message}.`);
        return { status: 200, body: { ...rewound.detail(), ...result } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/sessions/:id/fork',
      summary: 'Makes a new session that begins with the transcript of this one.',
      body: forkRequest,
      answers: { 201: session },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const from = sessionOf(agent, params);
        if (agent.sessions.find(body.session) !== undefined) {
          throw new HttpError('conflict', `There is a session ${body.session} already.`);
        }
        const forked = await agent.sessions.fork(from, body.session, body.at);
        if (forked === undefined) throw new HttpError('not_found', `The transcript has no entry ${body.at}.`);
        return { status: 201, body: forked.detail() };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/approvals/:id',
      summary: 'Allows or denies a tool call that waits.',
      body: approvalDecision,
      answers: { 200: { description: 'Decided.', schema: approvalDecision } },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const result = await agent.sessions.decide(params.id ?? '', body);
        if (typeof result === 'object') throw new HttpError('invalid', misfit(result.answersWanted));
        if (result === 'unknown') throw new HttpError('not_found', `There is no approval ${params.id}.`);
        if (result === 'decided-before') throw new HttpError('conflict', 'This question has been answered.');
        if (result === 'expired') {
          throw new HttpError(
            'expired',
            'This question waits no longer: its turn was stopped, or a rule settled it.',
          );
        }
        return { status: 200, body };
      },
    }),
  ];
}

function schedules(agent: Agent): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/schedules',
      summary: 'Prompts that sessions are to be given later, the next one first.',
      answers: { 200: { description: 'Schedules.', schema: z.array(scheduleState) } },
      handle: () => ({ status: 200, body: agent.schedules }),
    }),
    route({
      method: 'DELETE',
      path: '/v1/schedules/:id',
      summary: 'Ends a schedule.',
      answers: { 200: { description: 'It has ended.', schema: scheduleState } },
      handle: async ({ params }) => {
        agent.mustTakeWork();
        const ended = agent.schedules.find(({ id }) => id === params.id);
        if (ended === undefined) throw new HttpError('not_found', `There is no schedule ${params.id}.`);
        const at = new Date().toISOString();
        await agent.sessions.find(ended.session)?.record({ type: 'unschedule', id: ended.id, at });
        return { status: 200, body: ended };
      },
    }),
  ];
}

function checkpoints(agent: Agent): Route[] {
  const answer = { description: 'Where it stands.', schema: checkpointState };
  return [
    route({
      method: 'POST',
      path: '/v1/checkpoints',
      summary: 'Begins a checkpoint. The event `checkpoint` says how it ended.',
      body: checkpointRequest,
      answers: { 202: answer },
      handle: ({ body }) => ({ status: 202, body: agent.checkpointer.begin(body) }),
    }),
    route({
      method: 'GET',
      path: '/v1/checkpoints/:sequence/manifest',
      summary: 'The bytes of a manifest, for the caller to hold against its digest.',
      answers: { 200: { description: 'As on disk.', schema: none } },
      handle: async ({ params, response }) => {
        const sequence = wholeNumber('sequence', params.sequence ?? '');
        const bytes = await agent.checkpoints.read(sequence).catch((error: unknown) => {
          if (!(error instanceof FileRefused)) throw error;
          throw new HttpError('not_found', `Checkpoint ${sequence} has no manifest: ${error.message}.`);
        });
        if (bytes === undefined) throw new HttpError('not_found', `There is no checkpoint ${sequence}.`);
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
        response.end(bytes);
        return undefined;
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/checkpoints/:sequence',
      summary: 'Cancels a checkpoint under way, or releases the hold of a completed one.',
      answers: { 200: answer },
      handle: async ({ params }) => {
        const sequence = wholeNumber('sequence', params.sequence ?? '');
        const state = await agent.checkpointer.cancel(sequence);
        if (state === undefined)
          throw new HttpError('not_found', `Checkpoint ${sequence} is not being taken or held.`);
        return { status: 200, body: state };
      },
    }),
  ];
}

function misfit(wanted: number): string {
  if (wanted === 0) return 'This is no question that takes answers: allow or deny it.';
  return `This takes ${wanted === 1 ? 'an answer' : `${wanted} answers, one for each question`}, or a denial.`;
}

function sessionOf(agent: Agent, params: Record<string, string>): Session {
  const session = agent.sessions.find(params.id ?? '');
  if (session === undefined) throw new HttpError('not_found', `There is no session ${params.id}.`);
  return session;
}
