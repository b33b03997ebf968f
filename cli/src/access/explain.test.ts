import {
  ConflictError,
  ForbiddenError,
  InvalidError,
  ServerError,
  TransportError,
} from '@dormouse/operator/kube';
import { describe, expect, it } from 'vitest';
import { report } from '../failure.ts';
import { explain } from './explain.ts';

const told = (error: Parameters<typeof explain>[0]) => {
  const failure = explain(error, 'https://cluster.test');
  return { outcome: failure.outcome, text: report(failure) };
};

const refusal = (text: string) =>
  new ForbiddenError(
    `list agentworkspaces: agentworkspaces.dormouse.dev is forbidden: ${text}`,
    403,
    'Forbidden',
  );

describe('a refused right', () => {
  it('is named with verb, resource and namespace, and with the command that gives it', () => {
    const { outcome, text } = told(
      refusal(
        'User "eve" cannot list resource "agentworkspaces" in API group "dormouse.dev" in the namespace "team"',
      ),
    );
    expect(outcome).toBe('forbidden');
    expect(text).toContain('you may not list agentworkspaces.dormouse.dev in namespace team');
    expect(text).toContain('for eve');
    expect(text).toContain(
      "kubectl create rolebinding dormouse-view --namespace team --clusterrole dormouse-view --user 'eve'",
    );
  });

  it('of writing asks for the role of those who write', () => {
    const { text } = told(
      refusal(
        'User "eve" cannot create resource "agentmessages" in API group "dormouse.dev" in the namespace "team"',
      ),
    );
    expect(text).toContain('--clusterrole dormouse-edit');
  });

  it('in the whole cluster says so', () => {
    const { text } = told(
      refusal(
        'User "eve" cannot list resource "agentworkspaces" in API group "dormouse.dev" at the cluster scope',
      ),
    );
    expect(text).toContain('in the whole cluster');
  });
});

it('a namespace that is going away is no missing right', () => {
  const error = new ForbiddenError(
    'create agentmessages team/a: is being terminated',
    403,
    'Forbidden',
    true,
  );
  expect(told(error).text).toContain('Use another one');
});

it('what the API server says about an object reaches the person without the name of the request', () => {
  const invalid = new InvalidError(
    'create agentworkspaces team/ada: spec.idle.after: must be at least 5s',
    422,
    'Invalid',
  );
  expect(told(invalid)).toEqual({
    outcome: 'refused',
    text: 'error: spec.idle.after: must be at least 5s',
  });
});

it('a lost connection names the server; trouble behind it is told apart', () => {
  expect(told(new TransportError('list agentworkspaces: connect ECONNREFUSED')).text).toContain(
    'the API server https://cluster.test does not answer: connect ECONNREFUSED',
  );
  expect(told(new TransportError('GET /version: connect ECONNREFUSED')).text).toContain('answer: connect');
  expect(told(new ServerError('list agentworkspaces: etcd', 500, '', undefined))).toMatchObject({
    outcome: 'unreachable',
    text: expect.stringContaining('HTTP 500'),
  });
  expect(told(new ConflictError('patch agentworkspaces team/ada: modified', 409)).text).toContain(
    'Try again',
  );
});
