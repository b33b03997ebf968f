import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mcpServer } from '../../protocol/mcp.ts';
import type { ApprovalRequest } from '../../protocol/messages.ts';
import type { Model } from '../model/model-client.ts';
import { McpHttpServer } from '../testing/mcp-http-server.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

/** A model that books, and in the same answer has a command run. */
const bothAtOnce: Model = {
  stream: async ({ messages }) => {
    const first = messages.length === 1;
    const uses = [
      { type: 'tool_use', id: 'one', name: 'mcp__web__book', input: {} },
      { type: 'tool_use', id: 'two', name: 'Bash', input: { command: 'touch behind' } },
    ];
    return {
      ...{ id: 'msg', type: 'message', role: 'assistant', model: 'm', stop_sequence: null },
      content: first ? uses : [{ type: 'text', text: 'done' }],
      stop_reason: first ? 'tool_use' : 'end_turn',
      usage: { input_tokens: 1, output_tokens: 1 },
    };
  },
};

/** A real server of 2026-07-28, reached by a real workspaced. */
describe('a server without state that asks a person within a call', () => {
  let workspace: TestWorkspace;
  let agent: RunningAgent;
  let stopTools: () => Promise<void>;
  let server: Awaited<ReturnType<typeof McpHttpServer.asking>>;
  beforeEach(async () => {
    workspace = await TestWorkspace.create();
    stopTools = await startRealTools(workspace, '/nowhere');
  });
  afterEach(async () => {
    await workspace.close();
    await stopTools();
    await server.close();
  });

  const begin = async (options: { held?: boolean; thinking?: boolean } = {}) => {
    server = await McpHttpServer.asking(options);
    declare(server.url);
    agent = await workspace.start();
  };
  const declare = (url: string) => {
    workspace.config.mcp = { servers: [mcpServer.parse({ name: 'web', url })] };
  };
  const book = 'tool mcp__web__book {"show":"late"}';
  /** The one question that is open; and nothing is busy, so the workspace may sleep with it. */
  async function asked(message: string): Promise<ApprovalRequest> {
    const { approvals } = await agent.stateWhen(
      (state) =>
        !state.busy && state.approvals.length === 1 && state.approvals[0]?.summary.includes(message) === true,
    );
    return approvals[0] as ApprovalRequest;
  }
  const answer = async (id: string, ...answers: string[]) => {
    const body = { decision: 'allow', ...(answers.length > 0 && { answers }) };
    expect((await agent.call('POST', `/v1/approvals/${id}`, body)).status).toBe(200);
  };
  const restart = async () => {
    await agent.stop();
    agent = await workspace.start();
  };

  it('has it answered after sleeps and restarts, and each part of the call is made once', async () => {
    await begin();
    await agent.send('m1', book);
    const seats = await asked('How many seats?');
    expect(seats).toMatchObject({ tool: 'mcp__web__book', session: 'main', meanwhile: true });
    expect((await agent.state()).sessions[0]?.status).toBe('waiting');
    await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
    await agent.stateWhen((state) => state.checkpoint?.phase === 'Completed');
    await restart();
    expect((await asked('How many seats?')).id).toBe(seats.id);
    // An answer that cannot be: it is asked again, of the same part of the call.
    await answer(seats.id, 'many');
    const again = await asked('seats cannot be "many"');
    await restart();
    await answer(again.id, '2');
    const sure = await asked('Are you sure?');
    await restart();
    await asked('Are you sure?');
    await answer(sure.id);
    const { reply } = await agent.settled('m1');
    const accepted = { action: 'accept', content: { seats: 2 } };
    expect(reply?.text).toContain(`wants to be sure of ${JSON.stringify(accepted)}`);
    expect(server.parts).toEqual([
      { show: 'late', inputResponses: {} },
      { show: 'late', state: 'wants seats', inputResponses: { seats: accepted } },
      {
        ...{ show: 'late', state: `wants to be sure of ${JSON.stringify(accepted)}` },
        inputResponses: {
          sure: { action: 'accept', content: {} },
          where: { roots: [{ uri: `file://${workspace.home}`, name: 'project' }] },
        },
      },
    ]);
    expect((await agent.state()).approvals).toEqual([]);
  });

  it('keeps the question where the server is away for a while', async () => {
    await begin();
    await agent.send('m1', book);
    await asked('How many seats?');
    await agent.stop();
    await server.close();
    agent = await workspace.start();
    const { id } = await asked('How many seats?');
    await answer(id, '3');
    await agent.settled('m1');
    const told = JSON.stringify(await agent.transcript());
    expect(told).toContain('its tool is not there any more');
    expect(told).toMatch(/How many seats\? The person answered: seats .*: 3/);
    expect(server.parts).toHaveLength(1);
  });

  it('that is back when it is answered is connected at once, and the call goes on', async () => {
    await begin();
    await agent.send('m1', book);
    await asked('How many seats?');
    await agent.stop();
    await server.close();
    agent = await workspace.start();
    const isFailed = async () => JSON.stringify((await agent.call('GET', '/v1/mcp/servers')).body);
    await expect.poll(isFailed).toContain('"failed"');
    server = await McpHttpServer.asking({ port: Number(new URL(server.url).port) });
    await answer((await asked('How many seats?')).id, '2');
    await answer((await asked('Are you sure?')).id);
    expect((await agent.settled('m1')).reply?.text).toContain('"seats":2');
  });

  it('is not asked again where the call was cut off after an answer: the model is told of both', async () => {
    await begin({ held: true });
    await agent.send('m1', book);
    await answer((await asked('How many seats?')).id, '2');
    await answer((await asked('Are you sure?')).id);
    await expect.poll(() => server.parts.length).toBe(3);
    await restart();
    server.release();
    const { reply } = await agent.settled('m1');
    expect(reply?.text).toContain('interrupted because the workspace restarted');
    expect(reply?.text).toMatch(
      /How many seats\? The person answered: seats .*: 2\n- .*Are you sure\? The person answered: yes/,
    );
    expect(server.parts).toHaveLength(3);
  });

  it('is told of a refusal; and another server of its name is told nothing', async () => {
    await begin();
    await agent.send('m1', book);
    const { id } = await asked('How many seats?');
    await agent.call('POST', `/v1/approvals/${id}`, { decision: 'deny' });
    await asked('Are you sure?');
    expect(server.parts.at(-1)).toMatchObject({ inputResponses: { seats: { action: 'decline' } } });
    const other = await McpHttpServer.asking();
    declare(other.url);
    await restart();
    await answer((await asked('Are you sure?')).id);
    const { reply } = await agent.settled('m1');
    expect(reply?.text).toContain('its server is declared otherwise now');
    expect(other.parts).toEqual([]);
    await other.close();
  });

  it('may ask the model in the same round, once, and the message bears the cost over a restart', async () => {
    await begin({ thinking: true });
    await agent.send('m1', book);
    await answer((await asked('How many seats?')).id, '2');
    const sure = await asked('Are you sure?');
    expect(server.parts.at(-1)).toMatchObject({ inputResponses: { idea: { content: { text: 'an idea' } } } });
    await restart();
    await answer(sure.id);
    await agent.settled('m1');
    const paid = (await agent.transcript()).filter((entry) => entry.modelUsage?.outputTokens > 0);
    expect(paid).toHaveLength(1);
  });

  it('has cost what it asked the model also where the call comes to nothing', async () => {
    await begin({ thinking: true });
    await agent.send('m1', book);
    await answer((await asked('How many seats?')).id, '2');
    await asked('Are you sure?');
    const other = await McpHttpServer.asking();
    declare(other.url);
    await restart();
    await answer((await asked('Are you sure?')).id);
    expect((await agent.settled('m1')).reply?.text).toContain('its server is declared otherwise now');
    const paid = (await agent.transcript()).filter((entry) => entry.modelUsage?.outputTokens > 0);
    expect(paid).toHaveLength(1);
    await other.close();
  });

  it('of a call that a person allowed waits for the second answer as for the first', async () => {
    workspace.config.permissions = { ...workspace.config.permissions, mode: 'default' };
    await begin();
    await agent.send('m1', book);
    await answer((await asked('"show":"late"')).id);
    await answer((await asked('How many seats?')).id, '2');
    await answer((await asked('Are you sure?')).id);
    expect((await agent.settled('m1')).reply?.text).toContain('"seats":2');
  });

  it('asks no longer when a person stops the turn', async () => {
    await begin();
    await agent.send('m1', book);
    await asked('How many seats?');
    await agent.call('POST', '/v1/sessions/main/interrupt');
    expect((await agent.settled('m1')).reason).toBe('Interrupted');
    expect((await agent.state()).approvals).toEqual([]);
    expect(server.parts).toHaveLength(1);
  });

  it('has calls behind it wait with it', async () => {
    await begin();
    await agent.stop();
    agent = await workspace.start(bothAtOnce);
    await agent.send('m1', 'go');
    const { id } = await asked('How many seats?');
    await expect(stat(join(workspace.home, 'behind'))).rejects.toThrow('ENOENT');
    await answer(id, '2');
    await answer((await asked('Are you sure?')).id);
    await agent.settled('m1');
    await stat(join(workspace.home, 'behind'));
    expect(server.parts).toHaveLength(3);
  });

  it('is asked for a subagent, too', async () => {
    await begin();
    const input = { description: 'Books', prompt: book, subagent_type: 'general-purpose' };
    await agent.send('m1', `tool Agent ${JSON.stringify(input)}`);
    expect((await asked('How many seats?')).session).toBe('main');
    await restart();
    await answer((await asked('How many seats?')).id, '4');
    await answer((await asked('Are you sure?')).id);
    expect((await agent.settled('m1')).reply?.text).toContain('"seats":4');
  });
});
