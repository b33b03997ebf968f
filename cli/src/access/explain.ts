import {
  AlreadyExistsError,
  ConflictError,
  ForbiddenError,
  InvalidError,
  type KubeError,
  NotFoundError,
  TransportError,
} from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';

/** What the API server says where it does not know a kind at all: plain text, no `Status` with a reason. */
function isUnknownKind(error: NotFoundError): boolean {
  return error.reason === '';
}

export const howToInstall = [
  'Install it:  helm install dormouse charts/dormouse --namespace dormouse-system --create-namespace',
  'Or look whether this is the cluster you mean:  kubectl config current-context',
];

/** A right as the API server words its refusal. */
interface MissingRight {
  user: string;
  verb: string;
  resource: string;
  namespace: string | undefined;
}

/** The parts of `… is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "n"`. */
export function missingRight(message: string): MissingRight | undefined {
  const found =
    /User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?:.* in the namespace "([^"]*)")?/.exec(
      message,
    );
  if (found === null) return undefined;
  const [, user = '', verb = '', plural = '', group = '', namespace] = found;
  return { user, verb, resource: group === '' ? plural : `${plural}.${group}`, namespace };
}

/** An error of the API server in words for a person, with what to do next. */
export function explain(error: KubeError, server: string): Failure {
  const cause = { cause: error };
  if (error instanceof NotFoundError && isUnknownKind(error)) {
    return new Failure('notFound', 'Dormouse is not installed in this cluster', howToInstall, cause);
  }
  if (error instanceof NotFoundError) return new Failure('notFound', sentence(error), [], cause);
  if (error instanceof ForbiddenError) return explainForbidden(error);
  if (error instanceof AlreadyExistsError) return new Failure('refused', sentence(error), [], cause);
  if (error instanceof ConflictError) {
    const next = ['Somebody else changed it in the same moment. Try again.'];
    return new Failure('refused', sentence(error), next, cause);
  }
  if (error instanceof InvalidError) return new Failure('refused', sentence(error), [], cause);
  if (error instanceof TransportError) {
    const next = [
      'Does the cluster run, and does the network reach it?  kubectl version',
      'Is it the cluster you mean?  kubectl config current-context',
    ];
    return new Failure(
      'unreachable',
      `the API server ${server} does not answer: ${sentence(error)}`,
      next,
      cause,
    );
  }
  const next = [`The API server or what stands before it is in trouble (HTTP ${error.status}). Try again.`];
  return new Failure('unreachable', sentence(error), next, cause);
}

function explainForbidden(error: ForbiddenError): Failure {
  const cause = { cause: error };
  if (error.namespaceTerminating) {
    const next = ['The namespace is being deleted. Use another one.'];
    return new Failure('forbidden', sentence(error), next, cause);
  }
  if (error.status === 401) {
    const next = [
      'They are missing or have expired. Log in again as your cluster asks for it.',
      'Who you are to the API server:  kubectl auth whoami',
    ];
    return new Failure('forbidden', 'the API server does not accept your credentials', next, cause);
  }
  const right = missingRight(error.message);
  if (right === undefined) return new Failure('forbidden', sentence(error), [], cause);
  const { user, verb, resource, namespace } = right;
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  const next = [`Ask whoever runs the cluster for: ${verb} on ${resource} ${where}, for ${user}.`];
  if (namespace !== undefined && resource.endsWith('.dormouse.dev')) {
    const role = ['get', 'list', 'watch'].includes(verb) ? 'view' : 'edit';
    next.push(
      `They can give it:  kubectl create rolebinding dormouse-${role} --namespace ${namespace} --clusterrole dormouse-${role} --user '${user}'`,
    );
  }
  return new Failure('forbidden', `you may not ${verb} ${resource} ${where}`, next, cause);
}

/** The message without the name of the request, which speaks of the protocol and not of the object. */
function sentence(error: KubeError): string {
  return error.message.replace(/^[a-zA-Z]+ (?:\/\S*|[a-z]+(?: \S+)?): /, '').trim();
}
