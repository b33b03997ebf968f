import { expect, it } from 'vitest';
import { answer, refuse } from '../testing/gateway-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();

const issues = {
  name: 'issues',
  address: 'https://mcp.example.com',
  state: 'connected',
  tools: 4,
  signedIn: true,
};

it('lists the servers, and says why one is not connected', async () => {
  here.gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/mcp/servers') return false;
    answer(response, 200, [
      issues,
      { ...issues, name: 'other', state: 'failed', why: 'it is away', signedIn: false },
    ]);
    return true;
  };
  const { out } = await here.person.run('mcp', 'ada');
  expect(out).toMatch(/^issues +connected +4 +yes +https:\/\/mcp\.example\.com/m);
  expect(out).toMatch(/^other +failed .*it is away/m);
});

/** Answers a sign-in, and does what a browser does with the address: it comes back with this. */
function signingIn(query: (state: string) => string): { pages: string[] } {
  const pages: string[] = [];
  here.gateway.intercept = ({ path, body }, response) => {
    if (path === 'agent/mcp/servers/issues/sign-in/complete') answer(response, 200, [issues]);
    else if (path === 'agent/mcp/servers/issues/sign-in') {
      const { redirectUrl } = JSON.parse(body);
      answer(response, 200, { authorizationUrl: 'https://sign.example.com/in', state: 's1' });
      // Somebody else on this machine knocks first.
      const visit = async (url: string) => pages.push(await (await fetch(url)).text());
      visit(`${redirectUrl}?code=evil&state=other`)
        .then(() => visit(`${redirectUrl}?${query('s1')}`))
        .catch((error: unknown) => pages.push(String(error)));
    } else return false;
    return true;
  };
  return { pages };
}

it('signs in with a browser that comes back to this machine, and takes nothing from anybody else', async () => {
  const { pages } = signingIn((state) => `code=c1&state=${state}&iss=https%3A%2F%2Fsign.example.com`);
  const { code, out, err } = await here.person.run('mcp', 'ada', '--sign-in', 'issues');
  expect({ code, out }).toEqual({ code: 0, out: 'ada is signed in to issues\n' });
  expect(err).toContain('https://sign.example.com/in');
  expect(JSON.parse(here.gateway.asked.at(-1)?.body ?? '')).toEqual({
    code: 'c1',
    state: 's1',
    issuer: 'https://sign.example.com',
  });
  await expect.poll(() => pages.length).toBe(2);
  expect(pages[0]).toContain('not this one');
  expect(pages[1]).toContain('You are signed in');
});

it('says why a sign-in came to nothing', async () => {
  signingIn((state) => `error=access_denied&error_description=You+may+not&state=${state}`);
  expect(await here.person.run('mcp', 'ada', '--sign-in', 'issues')).toMatchObject({
    code: 1,
    err: expect.stringContaining('the sign-in failed: You may not'),
  });
  here.gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/mcp/servers/issues/sign-in') return false;
    refuse(response, 404, 'not_found', 'There is no MCP server issues that this workspace may use.');
    return true;
  };
  expect((await here.person.run('mcp', 'ada', '--sign-in', 'issues')).err).toContain('no MCP server issues');
  expect((await here.person.run('mcp', 'ada', '--sign-in', 'a', '--sign-out', 'a')).code).toBe(2);
});
