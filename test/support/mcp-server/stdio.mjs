#!/usr/bin/env node
// A small MCP server on standard input and output, without dependencies: it also runs in a pod, from the home of a workspace.
// It speaks 2025-11-25, as servers do that know nothing of later revisions.
import { appendFileSync, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const log = process.env.MCP_LOG;
const note = (line) => log && appendFileSync(log, `${line}\n`);
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const object = (properties = {}, required = []) => ({ type: 'object', properties, required });
const tools = [
  {
    name: 'echo',
    description: 'Says it again.',
    inputSchema: object({ text: { type: 'string' } }, ['text']),
  },
  { name: 'environment', description: 'A variable.', inputSchema: object({ name: { type: 'string' } }) },
  { name: 'wait', description: 'Waits until it is cancelled.', inputSchema: object() },
  { name: 'progress', description: 'Takes longer than its time limit.', inputSchema: object() },
  { name: 'grow', description: 'Adds the tool grown.', inputSchema: object() },
  { name: 'large', description: 'Says much.', inputSchema: object({ chars: { type: 'number' } }) },
  {
    name: 'important',
    description: 'Wants to be known at any time, and says much.',
    inputSchema: object({ chars: { type: 'number' } }),
    _meta: { 'anthropic/alwaysLoad': true, 'anthropic/maxResultSizeChars': 120_000 },
  },
  { name: 'fail', description: 'Fails.', inputSchema: object() },
  { name: 'order', description: 'Asks a person.', inputSchema: object() },
  {
    name: 'visit',
    description: 'Sends a person to a URL.',
    inputSchema: object({ url: { type: 'string' } }),
  },
  { name: 'pay', description: 'Wants somebody to have been at a URL before.', inputSchema: object() },
  { name: 'think', description: 'Asks the model.', inputSchema: object() },
  { name: 'crash', description: 'Ends the server.', inputSchema: object() },
  {
    name: 'odd',
    description: 'Has a schema that no model takes.',
    inputSchema: { type: 'object', oneOf: [{}] },
  },
];
for (let index = 0; index < Number(process.env.MCP_MANY ?? 0); index += 1)
  tools.push({
    name: `filler_${index}`,
    description: `Filler number ${index}. ${'It is of no use. '.repeat(10)}`,
    inputSchema: object({ text: { type: 'string' } }),
  });

/** Answers of the client, by the ids of what it was asked. */
const asked = new Map();
function ask(method, params) {
  const id = `ask-${asked.size + 1}`;
  return new Promise((resolve) => {
    asked.set(id, resolve);
    send({ id, method, params });
  });
}

const text = (content) => ({ content: [{ type: 'text', text: content }] });

async function call(name, input, meta) {
  switch (name) {
    case 'echo':
    case 'grown':
      return text(`${input.text ?? 'grown'} (pid ${process.pid}, uid ${process.getuid()})`);
    case 'environment':
      return text(`${input.name}=${process.env[input.name] ?? ''}`);
    case 'wait':
      return new Promise(() => undefined);
    case 'progress':
      for (let step = 1; step <= 4; step += 1) {
        await new Promise((resolve) => setTimeout(resolve, 400));
        const params = { progressToken: meta?.progressToken, progress: step, total: 4 };
        send({ method: 'notifications/progress', params });
      }
      return text('done at last');
    case 'grow':
      tools.push({ name: 'grown', description: 'Was added.', inputSchema: object() });
      send({ method: 'notifications/tools/list_changed' });
      return text('grew');
    case 'large':
    case 'important':
      return text('x'.repeat(input.chars));
    case 'fail':
      return { ...text('it cannot be done'), isError: true };
    case 'order':
      return text(
        JSON.stringify(
          await ask('elicitation/create', {
            message: 'What shall it be?',
            requestedSchema: object(
              {
                size: { type: 'string', title: 'Size', enum: ['s', 'm'], enumNames: ['Small', 'Medium'] },
                count: { type: 'integer', description: 'How many', default: 1 },
                gift: { type: 'boolean' },
              },
              ['size'],
            ),
          }),
        ),
      );
    case 'visit':
      return text(
        JSON.stringify(
          await ask('elicitation/create', {
            ...{
              mode: 'url',
              elicitationId: 'e1',
              url: input.url,
              message: 'Sign in at https://good.example',
            },
          }),
        ),
      );
    case 'pay': {
      // A file, since another process of this program may be asked the second time.
      if (existsSync('.fixture-pay')) return text('paid');
      appendFileSync('.fixture-pay', '');
      const elicitations = [
        { mode: 'url', elicitationId: 'e2', url: 'https://pay.example/1', message: 'Pay' },
      ];
      throw Object.assign(new Error('somebody must pay'), { code: -32042, data: { elicitations } });
    }
    case 'think':
      return text(
        await ask('sampling/createMessage', {
          systemPrompt: 'You are asked by a test.',
          messages: [{ role: 'user', content: { type: 'text', text: 'say: a thought' } }],
          maxTokens: 100,
        }).then(({ content, message }) => content?.text ?? `refused: ${message}`),
      );
    case 'crash':
      return process.exit(7);
    default:
      throw Object.assign(new Error(`there is no tool ${name}`), { code: -32602 });
  }
}

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion: ['2025-11-25', '2025-06-18'].includes(protocolVersion) ? protocolVersion : '2025-11-25',
    capabilities: { tools: { listChanged: true }, resources: {}, prompts: {} },
    serverInfo: { name: 'fixture', version: '1.0.0' },
    instructions: 'Use echo to hear it again.',
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
  'tools/call': ({ name, arguments: input = {}, _meta }) => call(name, input, _meta),
  'resources/list': () => ({
    resources: [{ uri: 'fixture://greeting', name: 'greeting', mimeType: 'text/plain' }],
  }),
  'resources/templates/list': () => ({
    resourceTemplates: [{ uriTemplate: 'fixture://notes/{id}', name: 'notes' }],
  }),
  'resources/read': ({ uri }) => ({ contents: [{ uri, mimeType: 'text/plain', text: `content of ${uri}` }] }),
  'prompts/list': () => ({
    prompts: [
      {
        name: 'review',
        arguments: [
          { name: 'file', required: true },
          { name: 'focus', required: false },
        ],
      },
    ],
  }),
  'prompts/get': ({ arguments: { file, focus } }) => ({
    messages: [
      { role: 'user', content: { type: 'text', text: `say: review ${file} for ${focus ?? 'all'}` } },
    ],
  }),
};

note(`start ${process.pid}`);
process.on('SIGTERM', () => {
  note('term');
  process.exit(0);
});
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {}, result: answer, error: refused } = JSON.parse(line);
  if (method === undefined) asked.get(id)?.(answer ?? refused);
  if (method === 'notifications/cancelled') note(`cancelled ${params.requestId}`);
  if (id === undefined || method === undefined) continue;
  const handle = methods[method];
  Promise.resolve()
    .then(() => {
      if (handle === undefined) throw Object.assign(new Error(`unknown method ${method}`), { code: -32601 });
      return handle(params);
    })
    .then(
      (result) => send({ id, result }),
      (error) =>
        send({ id, error: { code: error.code ?? -32603, message: error.message, data: error.data } }),
    );
}
