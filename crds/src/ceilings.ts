/**
 * The admission policy that holds workspaces to the ceilings of their class. The API server evaluates it with each
 * AgentWorkspaceClass as `params`; one that is not the workspace's is skipped by a match condition. So there is no webhook
 * to run, and a workspace that names a class which does not exist passes (its condition ClassResolved says so).
 *
 * Where several classes are annotated as default, a workspace that names none must respect each of them: whichever the
 * operator picks (the oldest), the workspace is within it, and stays so when one of them goes.
 */
import { defaultClassAnnotation } from './agent-workspace-class.ts';
import { apiVersion, group, version } from './resource.ts';

const policyName = `ceilings.agentworkspaces.${group}`;

interface Ceiling {
  /** Where the class states it, below `params.spec`; absent: no ceiling. */
  limit: string;
  /** Where the workspace asks, below `spec`. Absent stands for what the class gives by itself, within every ceiling. */
  asked: string;
  /** CEL, with `LIMIT` and `ASKED` for the two values. */
  within: string;
  /** CEL for the end of the sentence: what is allowed. */
  allowed: string;
  /** CEL for the value asked for, where it is no plain value. */
  shown?: string;
}

const most = "'at most ' + string(LIMIT)";
const oneOf = "'only ' + LIMIT.join(', ')";

/** Where plugins come from, and what a pattern is held against. */
const sources = [
  ['git', 'each.git.url'],
  ['oci', "each.oci.split('@')[0]"],
  ['configMap', 'each.configMap.name'],
  ['path', 'each.path'],
] as const;

/** The schema lets nothing into a pattern that an expression would read otherwise, but the dot. */
function matching([kind, value]: (typeof sources)[number]): string {
  const expression = `'^' + it.${kind}.replace('.', '[.]').replace('*', '.*') + '$'`;
  return `(has(each.${kind}) && has(it.${kind}) && ${value}.matches(${expression}))`;
}

const ceilings: Ceiling[] = [
  {
    limit: 'ceilings.storage',
    asked: 'storage.size',
    within: 'quantity(ASKED).compareTo(quantity(LIMIT)) <= 0',
    allowed: most,
  },
  {
    limit: 'ceilings.idleAfter',
    asked: 'idle.after',
    within: 'duration(ASKED) <= duration(LIMIT)',
    allowed: most,
  },
  {
    limit: 'ceilings.runAlways',
    asked: 'runPolicy',
    within: "LIMIT || ASKED != 'Always'",
    allowed: "'only Auto or Suspended'",
  },
  {
    limit: 'ceilings.services',
    asked: 'services',
    within: 'ASKED.size() <= LIMIT',
    allowed: most,
    shown: 'string(ASKED.size())',
  },
  { limit: 'ceilings.checkpoints', asked: 'checkpoint.keep', within: 'ASKED <= LIMIT', allowed: most },
  { limit: 'ceilings.maxTurns', asked: 'agent.maxTurns', within: 'ASKED <= LIMIT', allowed: most },
  {
    limit: 'ceilings.maxTokensPerDay',
    asked: 'agent.maxTokensPerDay',
    within: 'ASKED <= LIMIT',
    allowed: most,
  },
  { limit: 'model.allowed', asked: 'agent.model', within: 'ASKED in LIMIT', allowed: oneOf },
  {
    limit: 'mcpServers.allowed',
    asked: 'mcpServers',
    // A variable's value is not known here: agentd holds it to the same list.
    within: [
      'ASKED.all(each, has(each.command)',
      '? (LIMIT.exists(it, has(it.command)) ? LIMIT.exists(it, has(it.command) && it.command == each.command) : LIMIT.exists(it, has(it.name) && it.name == each.name))',
      ": each.url.contains('${') || (LIMIT.exists(it, has(it.url)) ? LIMIT.exists(it, has(it.url) && each.url.matches('^' + it.url.split('*').map(part, part.replace('.', '[.]').replace('?', '[?]').replace('+', '[+]')).join('.*') + '/?$')) : LIMIT.exists(it, has(it.name) && it.name == each.name)))",
    ].join(' '),
    allowed: "'only what it lists'",
    shown: "ASKED.map(each, each.name).join(', ')",
  },
  {
    limit: 'plugins.allowed',
    asked: 'plugins',
    within: `ASKED.all(each, LIMIT.exists(it, ${sources.map(matching).join(' || ')}))`,
    allowed: "'only what it lists'",
    shown: "ASKED.map(each, each.name).join(', ')",
  },
  {
    limit: 'permissions.allowedModes',
    asked: 'agent.permissionMode',
    within: 'ASKED in LIMIT',
    allowed: oneOf,
  },
];

/** `has()` for each step of a path, since `has(a.b.c)` fails where `a.b` is absent. */
function present(root: string, path: string): string {
  const steps = path.split('.');
  return steps.map((_, index) => `has(${[root, ...steps.slice(0, index + 1)].join('.')})`).join(' && ');
}

function validation({ limit, asked, within, allowed, shown }: Ceiling) {
  const fill = (expression: string) =>
    expression.replaceAll('LIMIT', `params.spec.${limit}`).replaceAll('ASKED', `object.spec.${asked}`);
  // What a workspace already had under this class it may keep: a ceiling that was lowered later must not forbid every
  // other change, least of all where the value cannot be lowered, as with a claim. The operator clamps what it can.
  const kept = `variables.sameClass && ${present('oldObject.spec', asked)} && oldObject.spec.${asked} == object.spec.${asked}`;
  return {
    expression: [
      `!(${present('params.spec', limit)})`,
      `!(${present('object.spec', asked)})`,
      `(${kept})`,
      `(${fill(within)})`,
    ].join(' || '),
    messageExpression: [
      `'spec.${asked}: the AgentWorkspaceClass "' + params.metadata.name + '" allows '`,
      fill(allowed),
      `', the workspace asks for '`,
      fill(shown ?? 'string(ASKED)'),
      `' (spec.${limit} of the class)'`,
    ].join(' + '),
    reason: 'Forbidden',
  };
}

/** The ValidatingAdmissionPolicy and its binding. */
export function ceilingsPolicy(): object[] {
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: policyName },
      spec: {
        failurePolicy: 'Fail',
        paramKind: { apiVersion, kind: 'AgentWorkspaceClass' },
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [group],
              apiVersions: [version],
              operations: ['CREATE', 'UPDATE'],
              // Without agentworkspaces/status: the operator reports whatever the ceilings are.
              resources: ['agentworkspaces'],
            },
          ],
        },
        matchConditions: [
          {
            name: 'spec-changed',
            expression: "request.operation == 'CREATE' || object.spec != oldObject.spec",
          },
          { name: 'not-being-deleted', expression: '!has(object.metadata.deletionTimestamp)' },
          {
            name: 'class-in-force',
            expression: `has(object.spec.classRef) ? params.metadata.name == object.spec.classRef.name : has(params.metadata.annotations) && '${defaultClassAnnotation}' in params.metadata.annotations && params.metadata.annotations['${defaultClassAnnotation}'] == 'true'`,
          },
        ],
        variables: [
          {
            name: 'sameClass',
            expression:
              "request.operation == 'UPDATE' && has(oldObject.spec.classRef) == has(object.spec.classRef) && (!has(object.spec.classRef) || oldObject.spec.classRef.name == object.spec.classRef.name)",
          },
        ],
        validations: ceilings.map(validation),
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: policyName },
      spec: {
        policyName,
        // Every class; the match condition picks the workspace's. No class at all: nothing to hold it to.
        paramRef: { selector: {}, parameterNotFoundAction: 'Allow' },
        validationActions: ['Deny'],
      },
    },
  ];
}
