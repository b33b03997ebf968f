import { expect, it } from 'vitest';
import { answer, refuse } from '../testing/gateway-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();
const commit = '3f87d41b7f453dffc6acecb7a23466b9e63bc06c';
const digest = `sha256:${'9f86d081'.repeat(8)}`;
const review = {
  name: 'review',
  git: { url: 'https://git.example.com/acme', commit, path: 'plugins/review' },
};
const docs = { name: 'docs', oci: `registry.example.com/docs@${digest}` };
const rules = { name: 'rules', configMap: { name: 'house-rules', digest } };
const mine = { name: 'mine', path: '~/mine', config: [{ name: 'team', value: 'web' }] };
const components = {
  skills: ['review:check', 'review:note'],
  commands: ['review:page'],
  agents: [],
  hooks: ['Stop'],
  mcpServers: ['plugin_review_site'],
};
const problem = 'docs.json:3: it is no JSON.';

function declared(plugins: object[], found: object[]): void {
  here.person.workspace('ada', { spec: { plugins }, status: { phase: 'Running' } });
  here.gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/plugins') return false;
    answer(response, 200, found);
    return true;
  };
}

it('lists plugins with where they come from, what is pinned, what they bring, and why not', async () => {
  declared(
    [review, docs, rules, mine],
    [
      { name: 'review', status: 'Loaded', version: '1.2.0', problems: [], components },
      { name: 'docs', status: 'Failed', problems: [problem] },
      { name: 'mine', status: 'Loaded', problems: [], components: { ...components, skills: [] } },
    ],
  );
  const cells = (out: string) => out.split('\n').map((line) => line.split(/ {3,}/));
  expect(cells((await here.person.run('plugins', 'ada')).out)).toEqual([
    ['PLUGIN', 'STATE', 'VERSION', 'SOURCE', 'PIN', 'BRINGS', 'WHY'],
    [
      ...['review', 'Loaded', '1.2.0', 'git https://git.example.com/acme plugins/review', '3f87d41b7f45'],
      ...['2 skills, 1 command, 1 hook, 1 MCP server', '-'],
    ],
    ['docs', 'Failed', '-', 'oci registry.example.com/docs', 'sha256:9f86d0819f86', '-', problem],
    ['rules', 'Pending', '-', 'configMap house-rules', 'sha256:9f86d0819f86', '-', '-'],
    ['mine', 'Loaded', '-', 'path ~/mine', '-', '1 command, 1 hook, 1 MCP server', '-'],
    [''],
  ]);
  const wide = cells((await here.person.run('plugins', 'ada', '-o', 'wide')).out);
  expect(wide[1]?.slice(-2)).toEqual([
    commit,
    'review:check, review:note, review:page, on Stop, plugin_review_site',
  ]);
  const json = JSON.parse((await here.person.run('plugins', 'ada', '-o', 'json')).out);
  expect(json[0]).toEqual({ ...review, status: 'Loaded', version: '1.2.0', problems: [], components });
  expect(json.map((plugin: { config?: unknown }) => plugin.config)).toEqual([...Array(4)]);
});

it('wakes nobody who has none', async () => {
  expect(await here.person.run('plugins', 'ada')).toMatchObject({
    code: 0,
    out: '',
    err: 'ada has no plugins\n',
  });
  expect((await here.person.run('plugins', 'ada', '-o', 'json')).out).toBe('[]\n');
  expect(here.gateway.asked).toEqual([]);
});

it('says what is not there, and what the workspace cannot say', async () => {
  expect(await here.person.run('plugins', 'eve')).toMatchObject({
    code: 3,
    err: expect.stringContaining('workspace "eve" does not exist in namespace "team"'),
  });
  declared([review], []);
  here.gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/plugins') return false;
    refuse(response, 403, 'forbidden', 'You may not.');
    return true;
  };
  const { code, err } = await here.person.run('plugins', 'ada');
  expect(code).not.toBe(0);
  expect(err).toContain('You may not');
});
