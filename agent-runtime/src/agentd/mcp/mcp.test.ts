import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type McpServer, mcpServer } from '../../protocol/mcp.ts';
import { decide } from '../permissions/decide.ts';
import { isAllowedServer } from './allowed.ts';
import { McpApprovals } from './approvals.ts';
import { describeServer, digestOf, parseProjectFile, parseUserFile } from './declared.ts';
import { expand } from './expand.ts';
import { usableSchema } from './input-schema.ts';
import { toolName } from './names.ts';

const program = (command: string, ...args: string[]): McpServer =>
  mcpServer.parse({ name: 'local', command, args });
const remote = (url: string): McpServer => mcpServer.parse({ name: 'remote', url });

describe('variables in the declaration of a server', () => {
  it.each([
    [`\${A}`, 'one'],
    [`x\${A}y\${B:-two}z`, 'xoneytwoz'],
    [`\${EMPTY:-default}`, 'default'],
    [`\${EMPTY}`, ''],
    [`\${A:-other}`, 'one'],
    [`$A $(A) \${A`, `$A $(A) \${A`],
    [`\${NESTED}`, `\${A}`],
  ])('%s is %s', (text, value) => {
    expect(expand(text, { A: 'one', EMPTY: '', NESTED: `\${A}` })).toBe(value);
  });

  it('that are not set and have no default are named', () => {
    expect(() => expand(`\${NOT_SET}`, {})).toThrow('the variable NOT_SET, which is not set');
    expect(() => expand(`\${toString}`, {})).toThrow('toString');
  });
});

describe('a file that names servers', () => {
  it('has programs and servers on the network, in the documented forms', () => {
    const { servers, problems } = parseProjectFile(
      '/home/agent/.mcp.json',
      JSON.stringify({
        mcpServers: {
          'my server': { command: 'npx', args: ['-y', 'it'], env: { KEY: `\${KEY}` } },
          web: { type: 'http', url: 'https://mcp.example.com', headers: { A: 'b' }, timeout: 5000 },
          alias: { type: 'streamable-http', url: 'https://mcp.example.com' },
          old: { type: 'sse', url: 'https://mcp.example.com/sse', unknown: true },
          implied: { url: 'https://mcp.example.com' },
        },
      }),
    );
    expect(problems).toEqual([]);
    expect(
      servers.map(({ server }) => [server.name, server.command ?? server.url, server.transport]),
    ).toEqual([
      ['my_server', 'npx', 'http'],
      ['web', 'https://mcp.example.com', 'http'],
      ['alias', 'https://mcp.example.com', 'http'],
      ['old', 'https://mcp.example.com/sse', 'sse'],
      ['implied', 'https://mcp.example.com', 'http'],
    ]);
  });

  it.each([
    [{ none: {} }, 'none is left out: it has neither a command nor a url'],
    [{ half: { type: 'http' } }, 'half is left out'],
    [{ bad: { command: 5 } }, 'bad is left out: command'],
    [{ workspace: { command: 'x' } }, 'the name workspace is reserved'],
    [{ a__b: { command: 'x' } }, 'must not hold "__"'],
    [{ ws: { type: 'ws', url: 'wss://x' } }, 'ws is left out: type'],
  ])('leaves out what it cannot use, and says why: %j', (mcpServers, problem) => {
    const text = JSON.stringify({ mcpServers: { ...mcpServers, good: { command: 'x' } } });
    const { servers, problems } = parseProjectFile('/p/.mcp.json', text);
    expect(servers.map(({ server }) => server.name)).toEqual(['good']);
    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toContain('/p/.mcp.json');
  });

  it('that is no JSON is named', () => {
    expect(parseProjectFile('/p/.mcp.json', '{').problems[0]).toContain('/p/.mcp.json is no JSON');
    expect(parseProjectFile('/p/.mcp.json', '[]').problems[0]).toContain('/p/.mcp.json');
  });

  it("that is the user's has servers of this project before those of every project", () => {
    const text = JSON.stringify({
      history: ['anything'],
      mcpServers: { all: { command: 'a' } },
      projects: { '/home/agent': { mcpServers: { mine: { command: 'b' } } }, '/other': { mcpServers: 5 } },
    });
    const [local, user] = parseUserFile('/home/agent/.claude.json', text.replace(':5', ':{}'), '/home/agent');
    expect(local?.servers.map(({ server }) => server.name)).toEqual(['mine']);
    expect(user?.servers.map(({ server }) => server.name)).toEqual(['all']);
  });

  it('is shown to a person with what would run, and another digest for each change', () => {
    const server = program('sh', '-c', "echo 'x'");
    expect(describeServer({ server, file: '/p/.mcp.json' })).toBe(
      `local of /p/.mcp.json runs: sh -c 'echo '\\''x'\\'''`,
    );
    const { name, command, ...rest } = server;
    expect(digestOf({ ...rest, command: command ?? '', name })).toBe(digestOf(server));
    expect(digestOf({ ...server, env: { PATH: '/tmp' } })).not.toBe(digestOf(server));
  });
});

describe('what a class allows', () => {
  it.each([
    [program('npx', '-y', 'it'), undefined, true],
    [program('npx', '-y', 'it'), [], false],
    [program('npx', '-y', 'it'), [{ name: 'local' }], true],
    [program('npx', '-y', 'it'), [{ command: ['npx', '-y', 'it'] }], true],
    [program('npx', '-y', 'it', 'more'), [{ command: ['npx', '-y', 'it'] }], false],
    [program('npx', '-y', 'it'), [{ name: 'local' }, { command: ['node'] }], false],
    [program('npx', '-y', 'it'), [{ url: 'https://mcp.example.com/*' }], false],
    [remote('https://mcp.example.com/a'), [{ url: 'https://mcp.example.com/*' }], true],
    [remote('https://MCP.example.com./a'), [{ url: 'https://mcp.example.com/*' }], true],
    [remote('https://mcp.example.com'), [{ url: 'https://mcp.example.com' }], true],
    [remote('https://a.corp/x'), [{ url: 'https://*.corp/*' }], true],
    [remote('https://evil.com/x.corp/'), [{ url: 'https://*.corp/*' }], false],
    [remote('https://mcp.example.com@evil.com/'), [{ url: 'https://mcp.example.com*' }], false],
    [remote('https://user:x@mcp.example.com/'), [{ url: 'https://mcp.example.com/*' }], false],
    [remote('https://evil.com/?https://mcp.example.com/'), [{ url: 'https://mcp.example.com/*' }], false],
    [remote('http://mcp.example.com/'), [{ url: 'https://mcp.example.com/*' }], false],
    [remote('https://x/'), [{ name: 'remote' }, { command: ['a'] }], true],
  ])('%j with %j: %s', (server, allowed, answer) => {
    expect(isAllowedServer(server, allowed)).toBe(answer);
  });
});

describe('the schema of a tool', () => {
  it.each([
    [
      { type: 'object', properties: { a: { type: ['string', 'null'] } }, required: ['a'], $schema: 'x' },
      true,
    ],
    [{ type: 'object', $defs: { a: { type: 'string' } }, properties: { a: { $ref: '#/$defs/a' } } }, true],
    [{ type: 'object', properties: { a: { $ref: 'https://evil.example/schema' } } }, false],
    [{ type: 'object', oneOf: [{}] }, false],
    [{ type: 'string' }, false],
    [{ type: 'object', properties: { 'a b': {} } }, false],
    [{ type: 'object', properties: { a: { type: 'nonsense' } } }, false],
    [{ type: 'object', properties: { a: { pattern: '(' } } }, false],
    [{ type: 'object', properties: [] }, false],
    [nested(40), false],
    ['nonsense', false],
  ])('%j goes to the model as it is: %s', (schema, usable) => {
    expect(usableSchema(schema) !== undefined).toBe(usable);
    expect(usableSchema(schema)?.$schema).toBeUndefined();
  });

  function nested(depth: number): object {
    return depth === 0 ? {} : { type: 'object', properties: { a: nested(depth - 1) } };
  }
});

describe('a rule for letting servers in', () => {
  const scope = { cwd: '/home/agent', home: '/home/agent', readable: [] };
  const access = { kind: 'connect', tool: 'ConnectMcpServer', server: 'github' } as const;
  it.each([
    ['ConnectMcpServer(github)', true],
    ['ConnectMcpServer', true],
    ['ConnectMcpServer(git)', false],
    ['mcp__github', false],
    ['Bash', false],
  ])('%s: %s', (rule, matches) => {
    const verdict = (allow: string[], deny: string[], mode: 'acceptEdits' | 'bypassPermissions') =>
      decide(access, { mode, allow, ask: [], deny }, scope).verdict;
    expect(verdict([rule], [], 'acceptEdits')).toBe(matches ? 'allow' : 'ask');
    expect(verdict([], [rule], 'bypassPermissions')).toBe(matches ? 'deny' : 'allow');
  });
});

describe('the name of a tool', () => {
  it('is one that the API takes', () => {
    expect(toolName('a', 'b.c/d')).toBe('mcp__a__b_c_d');
    const long = toolName('a', 'x'.repeat(300));
    expect(long).toMatch(/^[a-zA-Z0-9_-]{1,128}$/);
    expect(long).not.toBe(toolName('a', `${'x'.repeat(299)}y`));
  });
});

describe('approvals', () => {
  it('are on disk, and a file that cannot be read approves of nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'approvals-'));
    const path = join(folder, 'mcp-approvals.json');
    const approvals = await McpApprovals.open(path);
    await Promise.all([approvals.add('a', '1'.repeat(16)), approvals.add('b', '2'.repeat(16))]);
    const again = await McpApprovals.open(path);
    expect(['1', '2', '3'].map((digit) => again.has(digit.repeat(16)))).toEqual([true, true, false]);
    await writeFile(path, '{"approved": "yes"}');
    expect((await McpApprovals.open(path)).has('1'.repeat(16))).toBe(false);
    await rm(folder, { recursive: true });
  });
});
