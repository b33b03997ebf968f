import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hooksConfig } from '../../protocol/hooks.ts';
import { mcpServer } from '../../protocol/mcp.ts';
import { startRealTools } from './real-tools.ts';
import { RecordingModel } from './recording-model.ts';
import { type Json, type RunningAgent, TestWorkspace } from './workspace.ts';

interface Change {
  permissions?: Partial<TestWorkspace['config']['permissions']>;
  hooks?: object;
  /** MCP servers of the workspace. */
  servers?: object[];
}

/** An agent whose settings file has hooks, with tools that really run. */
export class HookedAgent {
  readonly workspace: TestWorkspace;
  readonly model: RecordingModel;
  agent: RunningAgent;
  #endTools: () => Promise<void>;
  #messages = 0;

  private constructor(
    workspace: TestWorkspace,
    agent: RunningAgent,
    model: RecordingModel,
    endTools: () => Promise<void>,
  ) {
    this.workspace = workspace;
    this.agent = agent;
    this.model = model;
    this.#endTools = endTools;
  }

  static async start(
    hooks: object,
    { permissions = {}, hooks: rules, servers = [] }: Change = {},
  ): Promise<HookedAgent> {
    const workspace = await TestWorkspace.create({ permissions });
    if (rules !== undefined) workspace.config.hooks = hooksConfig.parse(rules);
    if (servers.length > 0) workspace.config.mcp = { servers: servers.map((it) => mcpServer.parse(it)) };
    const endTools = await toolsOf(workspace);
    await workspace.put('.claude/settings.json', JSON.stringify({ hooks }));
    const model = new RecordingModel(workspace);
    return new HookedAgent(workspace, await workspace.start(model), model, endTools);
  }

  /** `whole`: the tools too, with what runs there. */
  async restart({ whole = false } = {}): Promise<void> {
    await this.agent.stop();
    if (whole) {
      await this.#endTools();
      this.#endTools = await toolsOf(this.workspace);
    }
    this.agent = await this.workspace.start(this.model);
  }

  async close(): Promise<void> {
    await this.#endTools();
    await this.workspace.close();
  }

  async send(prompt: string) {
    this.#messages += 1;
    await this.agent.send(`h${this.#messages}`, prompt);
    return this.agent.settled(`h${this.#messages}`);
  }

  text(path: string): Promise<string> {
    return readFile(join(this.workspace.home, path), 'utf8').catch(() => '');
  }

  /** What a hook `cat >> PATH; echo >> PATH` was told. */
  async told(path: string): Promise<Json[]> {
    const lines = (await this.text(path)).trim().split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line));
  }

  async results(): Promise<Json[]> {
    const content = (await this.agent.transcript()).flatMap((entry) => entry.message.content);
    return content.filter((it: Json) => it.type === 'tool_result');
  }
}

/** One group of hooks with one command. */
export function command(line: string, more: object = {}): object[] {
  return [{ hooks: [{ type: 'command', command: line, ...more }] }];
}

function toolsOf(workspace: TestWorkspace): Promise<() => Promise<void>> {
  return startRealTools(workspace, '/bin/false');
}
