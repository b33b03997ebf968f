import { z } from 'zod';
import { permissionMode, permissionModes } from './agent-workspace.ts';
import { allowedPlugin } from './plugin.ts';
import type { CustomObject, KindDefinition } from './resource.ts';
import { duration, objectName, objectReference, quantity } from './scalars.ts';

const amounts = z.record(z.string().max(63), quantity).optional();

const resources = z.object({
  requests: amounts.meta({ description: 'What the scheduler sets aside.', maxProperties: 16 }),
  limits: amounts.meta({ description: 'What the container gets at most.', maxProperties: 16 }),
});

/** An image reference; the registry decides about the rest. */
const image = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^\s]+$/)
  .meta({ patternMessage: 'must be an image reference without spaces, such as registry.example/agent:1.2' });

/** A request above its limit would be refused only when the first pod is made. */
const requestsWithinLimits = {
  rule: '!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || !isQuantity(self.requests[name]) || !isQuantity(self.limits[name]) || quantity(self.requests[name]).compareTo(quantity(self.limits[name])) <= 0)',
  message: 'a request must not be above the limit of the same name',
};

/** A Secret with a provider's key, in the namespace of the release. */
const secretRef = z.object({
  name: objectName.meta({ description: 'The name of the Secret.' }),
  key: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .meta({ patternMessage: 'must be a key of a Secret: letters, digits, "-", "_" and "."' })
    .default('api-key')
    .meta({ description: 'The key of the Secret that holds the credential.' }),
});

const baseUrl = z
  .string()
  .max(512)
  .regex(/^https?:\/\/[^\s/]+[^\s]*$/)
  .meta({ patternMessage: 'must be a URL that begins with https:// or http://' });

/** Money without a currency: prices and limits of one class are in the same one. */
const amount = z
  .string()
  .min(1)
  .max(16)
  .regex(/^[0-9]{1,9}(\.[0-9]{1,6})?$/)
  .meta({ patternMessage: 'must be an amount of money, with at most six decimals, such as "3" or "0.30"' });

const prices = z.object({
  model: z.string().min(1).max(200).meta({ description: 'The model, as requests name it.' }),
  input: amount.meta({ description: 'Of a million input tokens that no cache held.' }),
  output: amount.meta({ description: 'Of a million output tokens.' }),
  cacheRead: amount
    .optional()
    .meta({ description: "Of a million tokens read from the provider's prompt cache. Default: input." }),
  cacheWrite: amount
    .optional()
    .meta({ description: "Of a million tokens written to the provider's prompt cache. Default: input." }),
});
export type ModelPrices = z.output<typeof prices>;

const toolRule = z
  .string()
  .min(1)
  .max(512)
  .regex(/^([A-Za-z_][A-Za-z0-9_-]*|mcp__[A-Za-z0-9_-]+__[A-Za-z0-9_-]*\*)(\(.*\))?$/)
  .meta({
    description: 'A tool, or a tool with a pattern: Read, Bash(git *), Edit(/src/**).',
    patternMessage:
      'must be a tool, or a tool with a pattern in brackets, such as Read, Bash(git *) or Edit(/src/**)',
  });

const allowance = z.object({
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^(\*|(\*\.)?([a-z0-9_]([-a-z0-9_]*[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)$/)
    .meta({
      description:
        'A whole name or IPv4 address; *.example.com for every name below example.com, but not that name itself; * for every public address.',
      patternMessage:
        'must be a host such as registry.example.com, *.example.com for every name below it, or * for every public address: in lower case, without scheme, port or path; names in other scripts as xn--…',
    }),
  ports: z
    .array(z.int().min(1).max(65535))
    .min(1)
    .max(16)
    .default([443])
    .meta({ description: 'The TCP ports. Default: 443.', 'x-kubernetes-list-type': 'set' }),
});

const managedHook = z.object({
  event: z
    .enum([
      ...(['SessionStart', 'UserPromptSubmit', 'PreToolUse', 'PermissionRequest', 'PostToolUse'] as const),
      ...(['PostToolUseFailure', 'Notification', 'Stop', 'SubagentStart', 'SubagentStop'] as const),
      ...(['PreCompact', 'PostCompact', 'TaskCreated', 'TaskCompleted'] as const),
      ...([
        'UserPromptExpansion',
        'PostToolBatch',
        'CwdChanged',
        'StopFailure',
        'InstructionsLoaded',
        'Elicitation',
        'ElicitationResult',
      ] as const),
    ])
    .meta({ description: 'What is told.' }),
  matcher: z.string().max(512).optional().meta({
    description: 'The tools, or what else the event is about: Bash, Edit|Write, mcp__.*. Default: all.',
  }),
  url: baseUrl.meta({
    description:
      'The server that is asked, with the JSON that hooks are told. agentd asks it by the proxy of the gateway, so egress.allow must list it.',
  }),
  timeoutSeconds: z.int().min(1).max(600).default(30).meta({ description: 'How long the server may take.' }),
  onFailure: z.enum(['Open', 'Closed']).default('Closed').meta({
    description:
      'Whether a prompt or tool call goes on (Open) or is refused when the server cannot be asked.',
  }),
});

export const agentWorkspaceClassSpec = z.object({
  images: z
    .object({
      agent: image.meta({ description: 'The image of agentd. It never runs what a model wrote.' }),
      workspace: image.meta({
        description: 'The image in which tools and services run; made FROM the workspace image of Dormouse.',
      }),
      pullPolicy: z
        .enum(['Always', 'IfNotPresent', 'Never'])
        .default('IfNotPresent')
        .meta({ description: 'When the kubelet pulls them.' }),
      pullSecrets: z
        .array(objectReference)
        .max(8)
        .optional()
        .meta({ description: 'Secrets with registry credentials, in the namespace of each workspace.' }),
    })
    .meta({ description: 'What the two containers of a workspace pod run.' }),
  resources: z
    .object({
      agent: resources.optional().meta({
        description: 'Of the container agent.',
        'x-kubernetes-validations': [requestsWithinLimits],
      }),
      workspace: resources.optional().meta({
        description: 'Of the container workspace, where tools and services run.',
        'x-kubernetes-validations': [requestsWithinLimits],
      }),
    })
    .optional()
    .meta({ description: 'Requests and limits of the two containers.' }),
  runtimeClassName: objectName.optional().meta({ description: 'A RuntimeClass such as a sandboxed one.' }),
  nodeSelector: z
    .record(z.string().max(316), z.string().max(63))
    .optional()
    .meta({ description: 'Labels that a node must have.', maxProperties: 32 }),
  tolerations: z
    .array(
      z.object({
        key: z.string().max(316).optional().meta({ description: 'The key of the taint. Default: any.' }),
        operator: z
          .enum(['Exists', 'Equal'])
          .optional()
          .meta({ description: 'Whether the value counts. Default: Equal.' }),
        value: z.string().max(63).optional().meta({ description: 'The value of the taint.' }),
        effect: z
          .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
          .optional()
          .meta({ description: 'The effect of the taint. Default: any.' }),
        tolerationSeconds: z
          .int()
          .optional()
          .meta({ description: 'How long NoExecute is tolerated. Default: for ever.' }),
      }),
    )
    .max(16)
    .optional()
    .meta({ description: 'Taints of nodes that do not keep the pods away.' }),
  model: z
    .object({
      baseUrl: baseUrl
        .default('https://api.anthropic.com')
        .meta({ description: 'A server that speaks the Messages API.' }),
      default: z.string().min(1).max(200).meta({ description: 'The model of a workspace that names none.' }),
      allowed: z.array(z.string().min(1).max(200)).min(1).max(32).optional().meta({
        description:
          'The models a workspace may use: spec.agent.model is held to it at admission, each call by the gateway, which refuses another model as none that exists. Names are compared as written. Default: any.',
        'x-kubernetes-list-type': 'set',
      }),
      secretRef: secretRef.optional().meta({
        description:
          "The Secret with the provider's key, in the namespace of the gateway, which alone reads it. None: requests carry no key.",
      }),
      fallbacks: z
        .array(
          z.object({
            baseUrl: baseUrl.meta({
              description: 'A server that speaks the Messages API and knows the same models.',
            }),
            secretRef: secretRef.optional().meta({
              description: 'The Secret with its key, as above. None: requests carry no key.',
            }),
          }),
        )
        .min(1)
        .max(8)
        .optional()
        .meta({
          description:
            'Providers to ask, in this order, where the one before cannot be reached, is overloaded or limits the rate.',
        }),
      prices: z
        .array(prices)
        .min(1)
        .max(32)
        .optional()
        .meta({
          description: 'What the models cost, to sum up what the workspaces of the class spend.',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['model'],
        }),
      maxCostPerDay: amount.optional().meta({
        description:
          'What all workspaces of the class together may spend on one UTC day, in the currency of prices. Default: no limit.',
      }),
    })
    .meta({
      description: 'The model and its provider.',
      'x-kubernetes-validations': [
        {
          rule: '!has(self.allowed) || self.default in self.allowed',
          message: 'default must be one of allowed: add it to allowed, or choose another default',
        },
        {
          rule: '!has(self.maxCostPerDay) || has(self.prices) && self.prices.exists(each, each.model == self.default)',
          message: 'maxCostPerDay takes the price of the default model: add it to prices',
        },
      ],
    }),
  permissions: z
    .object({
      defaultMode: permissionMode
        .default('default')
        .meta({ description: 'The permission mode of a workspace that names none.' }),
      allowedModes: z.array(permissionMode).min(1).max(permissionModes.length).optional().meta({
        description: 'The modes a workspace may name. Default: all.',
        'x-kubernetes-list-type': 'set',
      }),
      allow: z.array(toolRule).max(128).optional().meta({ description: 'Tool calls that need no approval.' }),
      ask: z.array(toolRule).max(128).optional().meta({
        description: 'Tool calls that a person is asked about in every mode, whatever allow says.',
      }),
      deny: z
        .array(toolRule)
        .max(128)
        .optional()
        .meta({ description: 'Tool calls that are refused. A deny wins over everything.' }),
    })
    .prefault({})
    .meta({
      description: 'Which tool calls run.',
      'x-kubernetes-validations': [
        {
          rule: '!has(self.allowedModes) || self.defaultMode in self.allowedModes',
          message:
            'defaultMode must be one of allowedModes: add it to allowedModes, or choose another defaultMode',
        },
      ],
    }),
  schedules: z
    .object({
      most: z.int().min(0).max(100).default(20).meta({
        description: 'Prompts that the sessions of a workspace may have scheduled for themselves. 0: none.',
      }),
      minInterval: duration.default('1m').meta({
        description:
          'Between two prompts of one schedule, at least; 10s or more. Each may wake the workspace.',
        'x-kubernetes-validations': [
          {
            rule: "duration(self) >= duration('10s')",
            message: 'must be at least 10s: each of them may wake a workspace',
          },
        ],
      }),
    })
    .prefault({})
    .meta({ description: 'What agents may schedule for themselves, by /loop or with tools.' }),
  messages: z
    .object({
      betweenWorkspaces: z.boolean().default(false).meta({
        description:
          'Whether agents may send messages to other workspaces of their namespace, and be sent some: the classes of both must say so.',
      }),
      perHour: z.int().min(1).max(1000).default(30).meta({
        description: 'How many a workspace may send in an hour.',
      }),
      hops: z.int().min(1).max(16).default(4).meta({
        description:
          'How many workspaces may move one another to send a message, one after another: what a message from another workspace moves an agent to send counts one more.',
      }),
    })
    .prefault({})
    .meta({ description: 'Messages from agent to agent.' }),
  hooks: z
    .object({
      workspace: z.enum(['Permitted', 'Run', 'Off']).default('Permitted').meta({
        description:
          'Which hooks from files of the workspace run, in the container of the tools: Permitted those whose command the tool Bash might run without asking, Run all, Off none. The model can write these files.',
      }),
      mayAllow: z.boolean().default(false).meta({
        description:
          'Whether such hooks may let a tool call through that the rules would ask a person about. The model can write these files.',
      }),
      onFailure: z.enum(['Open', 'Closed']).default('Open').meta({
        description:
          'Whether a prompt or tool call goes on (Open) or is refused when such a hook fails or runs into its timeout. Closed holds whatever the file says.',
      }),
      stopBlocks: z.int().min(0).max(10000).default(8).meta({
        description:
          'How often Stop hooks may keep the agent going on one message while it uses no tool. agent.maxTurns holds besides.',
      }),
      managed: z.array(managedHook).max(32).optional().meta({
        description: 'Hooks that no workspace sees or can switch off. They may let tool calls through.',
      }),
    })
    .prefault({})
    .meta({ description: 'What is asked before and after the agent does something.' }),
  egress: z
    .object({
      allow: z.array(allowance).max(128).optional().meta({
        description:
          'Where workspaces may connect to, by name, through the proxy of the gateway. Whatever is listed, addresses that are not public are refused. Default: nowhere.',
      }),
    })
    .prefault({})
    .meta({ description: 'What workspaces reach outside, besides their model.' }),
  mcpServers: z
    .object({
      allowed: z
        .array(
          z.object({
            name: z.string().min(1).max(64).optional().meta({ description: 'The name of a server.' }),
            command: z
              .array(z.string().max(4096))
              .min(1)
              .max(64)
              .optional()
              .meta({ description: 'The program and its arguments, to the letter.' }),
            url: z.string().min(1).max(2048).optional().meta({
              description:
                'The URL; * stands for any characters, before the path for those of the host and port alone.',
            }),
          }),
        )
        .max(64)
        .optional()
        .meta({
          description:
            'The MCP servers a workspace may have, also those that files of its home name. Where a command is listed, a program must be one of those; where a URL is listed, a server on the network must match one; a name is enough for the kind of which nothing is listed. Default: any; an empty list: none.',
          'x-kubernetes-validations': [
            {
              rule: 'self.all(each, (has(each.name) ? 1 : 0) + (has(each.command) ? 1 : 0) + (has(each.url) ? 1 : 0) == 1)',
              message: 'each item takes one of name, command and url',
            },
          ],
        }),
    })
    .prefault({})
    .meta({ description: 'Which MCP servers workspaces may have.' }),
  plugins: z
    .object({
      allowed: z
        .array(allowedPlugin)
        .max(64)
        .optional()
        .meta({
          description:
            'The plugins a workspace may have: each must match one item. Default: any; an empty list: none.',
          'x-kubernetes-validations': [
            {
              rule: 'self.all(each, (has(each.git) ? 1 : 0) + (has(each.oci) ? 1 : 0) + (has(each.configMap) ? 1 : 0) + (has(each.path) ? 1 : 0) == 1)',
              message: 'each item takes one of git, oci, configMap and path',
            },
          ],
        }),
    })
    .prefault({})
    .meta({ description: 'Which plugins workspaces may have.' }),
  processImages: z
    .object({
      enabled: z.boolean().default(false).meta({
        description:
          'Whether workspaces that ask for it get their processes back as they were (spec.checkpoint.processes Restore). It takes a container without a seccomp profile that starts as root: see docs/concepts/process-images.md.',
      }),
      onDumpFailure: z.enum(['StayAwake', 'Restart']).default('StayAwake').meta({
        description:
          'What follows when processes could not be dumped three times in a row: StayAwake keeps the workspace awake and goes on trying; Restart lets it sleep, ends its processes and starts services afresh at the wake.',
      }),
    })
    .prefault({})
    .meta({ description: 'Whether and how processes outlive a sleep with their memory.' }),
  archive: z
    .object({
      bucket: z
        .string()
        .min(3)
        .max(63)
        .regex(/^[a-z0-9][-a-z0-9.]*[a-z0-9]$/)
        .optional()
        .meta({
          description: 'The bucket. It must exist.',
          patternMessage: 'must be the name of a bucket: a-z, 0-9, "-" and "."',
        }),
      endpoint: z
        .string()
        .max(512)
        .regex(/^https?:\/\/[^\s/?#@]+$/)
        .optional()
        .meta({
          description: 'The server, which speaks S3, by its URL without a path. The gateway connects to it.',
          patternMessage: 'must be a URL of scheme, host and port, such as https://s3.example.com',
        }),
      region: z
        .string()
        .min(1)
        .max(63)
        .regex(/^[-a-z0-9]+$/)
        .optional()
        .meta({
          description: 'The region that requests are signed for. Default: us-east-1.',
          patternMessage: 'must be the name of a region: a-z, 0-9 and "-"',
        }),
      prefix: z
        .string()
        .min(1)
        .max(200)
        .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\/[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/)
        .optional()
        .meta({
          description: 'Before the names of all objects, such as clusters/one. Default: none.',
          patternMessage: 'must be names of a-z, 0-9 and "-", with "/" between them',
        }),
      credentialsSecretRef: objectReference.optional().meta({
        description:
          'The Secret with the entries access-key-id and secret-access-key, in the namespace of the gateway, which alone reads it.',
      }),
      volume: z
        .object({
          quota: quantity.meta({
            description:
              'The most that the archives of one workspace take. It comes out of spec.storage.size of the workspace.',
          }),
        })
        .optional()
        .meta({
          description:
            'Archives lie on the volume of their workspace, out of reach of its tools: enough for a rewind where no VolumeSnapshots can be taken, lost with the volume, and no way to another workspace. In place of a bucket.',
        }),
      timeout: duration
        .default('1h')
        .meta({ description: 'After which an archive that is not complete is given up.' }),
    })
    .optional()
    .meta({
      description:
        'Where the archives of workspaces go: a bucket, encrypted for each of them, or their own volume. See docs/concepts/archives.md. Default: there are none.',
      'x-kubernetes-validations': [
        {
          rule: 'has(self.volume) ? !has(self.bucket) && !has(self.endpoint) && !has(self.credentialsSecretRef) && !has(self.prefix) : has(self.bucket) && has(self.endpoint) && has(self.credentialsSecretRef)',
          message: 'name a bucket with its endpoint and credentialsSecretRef, or else volume alone',
        },
      ],
    }),
  ceilings: z
    .object({
      storage: quantity.optional().meta({
        description:
          'The largest spec.storage.size; at least 16Mi. Below 2Gi, its default, every workspace must say its own.',
        'x-kubernetes-validations': [
          {
            rule: "quantity(self).compareTo(quantity('16Mi')) >= 0",
            message: 'must be at least 16Mi, the least that spec.storage.size of a workspace can be',
          },
        ],
      }),
      idleAfter: duration.optional().meta({
        description:
          'The longest spec.idle.after; at least 5s. Below 15m, its default, every workspace must say its own.',
        'x-kubernetes-validations': [
          {
            rule: "duration(self) >= duration('5s')",
            message: 'must be at least 5s, the least that spec.idle.after of a workspace can be',
          },
        ],
      }),
      runAlways: z.boolean().default(true).meta({ description: 'Whether runPolicy Always is allowed.' }),
      services: z.int().min(0).max(16).optional().meta({ description: 'The most services.' }),
      checkpoints: z.int().min(1).max(100).optional().meta({
        description:
          'The largest spec.checkpoint.keep. Below 3, its default, every workspace must say its own.',
      }),
      maxTurns: z
        .int()
        .min(1)
        .max(10000)
        .optional()
        .meta({ description: 'The largest spec.agent.maxTurns, and its default.' }),
      maxTokensPerDay: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'The largest spec.agent.maxTokensPerDay, and its default.' }),
    })
    .prefault({})
    .meta({
      description:
        'What a workspace may ask for at most. A workspace that asks for more is refused at admission; one that had more before a ceiling was lowered may stay as it is, and gets what the ceiling allows.',
    }),
});

export type AgentWorkspaceClassSpec = z.output<typeof agentWorkspaceClassSpec>;
export type AgentWorkspaceClass = CustomObject<'AgentWorkspaceClass', AgentWorkspaceClassSpec, never>;

/**
 * The annotation that makes a class the one for workspaces which name none; its value is `"true"`. Of several defaults the
 * oldest counts, by name where they are as old: so a second one, made by mistake, moves no workspace.
 */
export const defaultClassAnnotation = 'dormouse.dev/is-default-class';

export const agentWorkspaceClass: KindDefinition = {
  kind: 'AgentWorkspaceClass',
  plural: 'agentworkspaceclasses',
  singular: 'agentworkspaceclass',
  shortNames: ['awc'],
  scope: 'Cluster',
  description:
    'What the platform team fixes or limits for a group of workspaces. A workspace can narrow it, never widen it.',
  spec: agentWorkspaceClassSpec,
  status: undefined,
  rules: [],
  columns: [
    { name: 'Model', type: 'string', jsonPath: '.spec.model.default' },
    { name: 'Provider', type: 'string', jsonPath: '.spec.model.baseUrl', priority: 1 },
    { name: 'Default', type: 'string', jsonPath: '.metadata.annotations.dormouse\\.dev/is-default-class' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
