import { z } from 'zod';
import { archivePlaces, archiveSnapshots, repositoryPath } from './agent-checkpoint.ts';
import { headersFrom } from './headers-from.ts';
import { plugin } from './plugin.ts';
import type { CustomObject, KindDefinition } from './resource.ts';
import {
  condition,
  dnsLabel,
  duration,
  objectName,
  objectReference,
  observedGeneration,
  quantity,
  timestamp,
  utcDay,
} from './scalars.ts';

export const permissionModes = ['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions'] as const;
export const permissionMode = z.enum(permissionModes);
export type PermissionMode = z.infer<typeof permissionMode>;

/** What a workspace may begin with; in another namespace only for whom somebody there permits it (fork-rights.ts). */
const originReference = objectReference.extend({
  namespace: dnsLabel.optional().meta({
    description:
      'The namespace, where it is another one. Whoever makes the workspace needs the verb fork there, on agentcheckpoints/fork or agentworkspaces/fork.',
  }),
});

export const service = z.object({
  name: dnsLabel.meta({ description: 'The name of the service, unique in its workspace.' }),
  command: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .meta({
      description: 'The program and its arguments; no shell is involved.',
      'x-kubernetes-validations': [
        { rule: "self[0] != ''", message: 'the first item must name the program to run' },
      ],
    }),
  port: z
    .int()
    .min(1)
    .max(65535)
    .optional()
    .meta({
      description:
        "The port the service listens on, if any; unique in its workspace. 7070 and 7071 are the agent's.",
      'x-kubernetes-validations': [
        {
          rule: 'self != 7070 && self != 7071',
          message: 'ports 7070 and 7071 belong to the agent: choose another',
        },
      ],
    }),
  restart: z.enum(['Always', 'OnFailure', 'Never']).default('Always').meta({
    description: 'Whether the service is started again after it ended while the workspace is awake.',
  }),
});
export type Service = z.infer<typeof service>;

/** One entry of a Secret. */
const secretKey = z.object({
  name: objectName.meta({ description: 'The name of the Secret.' }),
  key: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[-._a-zA-Z0-9]+$/)
    .default('password')
    .meta({
      description: 'The entry of the Secret.',
      patternMessage: 'must be a key of a Secret: letters, digits, "-", "_" and "."',
    }),
});

const namedValue = (name: z.ZodString, about: string) =>
  z.object({
    name: name.meta({ description: `The name of the ${about}.` }),
    value: z
      .string()
      .max(4096)
      .meta({
        description:
          'The value. $' + '{NAME} and $' + '{NAME:-default} stand for variables of the workspace.',
      }),
  });

export const mcpServer = z.object({
  name: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9-]+(_[A-Za-z0-9-]+)*$/)
    .meta({
      description: 'The name of the server, unique in its workspace; its tools are mcp__NAME__TOOL.',
      patternMessage: 'must be letters, digits, "-" and single "_" between them',
    }),
  command: z
    .array(z.string().max(4096))
    .min(1)
    .max(64)
    .optional()
    .meta({
      description:
        'A program of the container workspace and its arguments, which speaks MCP on its standard input and output; no shell is involved. It runs while the workspace works, and ends at a sleep.',
      'x-kubernetes-validations': [
        { rule: "self[0] != ''", message: 'the first item must name the program to run' },
      ],
    }),
  env: z
    .array(namedValue(z.string().min(1).max(128), 'variable'))
    .max(32)
    .optional()
    .meta({
      description: 'Variables of the program, besides those of the workspace. No place for secrets.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  url: z
    .string()
    .max(2048)
    .regex(/^(https?:\/\/|\$\{)[^\s]+$/)
    .optional()
    .meta({
      description:
        'A server on the network. The workspace must be allowed to reach it: spec.egress.allow of the class.',
      patternMessage: 'must be a URL that begins with https:// or http://',
    }),
  transport: z.enum(['HTTP', 'SSE']).optional().meta({
    description: 'How a server on the network is spoken to. Default: HTTP, which is streamable HTTP.',
  }),
  headers: z
    .array(namedValue(z.string().min(1).max(128), 'header'))
    .max(32)
    .optional()
    .meta({
      description: 'Headers of each request. The workspace sees them: no place for secrets.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  headersFrom: headersFrom(
    'Headers whose values are in Secrets. The gateway adds them and asks the server in place of the workspace, which never sees them. It needs the right to get the Secret, whose annotation dormouse.dev/sent-to must name the origin of the server: see docs/concepts/mcp.md.',
  ),
  headersHelper: z.string().min(1).max(4096).optional().meta({
    description:
      'A command line of the workspace that prints more headers as a JSON object, for each connection afresh.',
  }),
  timeout: duration.optional().meta({
    description: 'How long a call may take without a sign of progress; 1s to 24h. Default: 10m.',
    'x-kubernetes-validations': [
      {
        rule: "duration(self) >= duration('1s') && duration(self) <= duration('24h')",
        message: 'must be from 1s to 24h',
      },
    ],
  }),
  alwaysLoad: z.boolean().optional().meta({
    description: 'Its tools are always before the model, also where there are too many. Default: false.',
  }),
});

const agent = z.object({
  model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: 'The model. Default: the default model of the class.' }),
  systemPrompt: z.string().max(32768).optional().meta({ description: 'Text put before the conversation.' }),
  permissionMode: permissionMode.optional().meta({
    description: 'What a tool call may do without being asked for. Default: the default mode of the class.',
  }),
  maxTurns: z
    .int()
    .min(1)
    .max(10000)
    .optional()
    .meta({ description: 'Model requests for one message. Default: the ceiling of the class.' }),
  maxTokensPerDay: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Input and output tokens for one UTC day. Default: the ceiling of the class.' }),
  compactAt: z.int().min(10_000).max(10_000_000).default(150_000).meta({
    description:
      "Tokens of a conversation from which it is summarized before it goes on. Less than the model's window by what one answer and the results of its tool calls may take.",
  }),
});

export const agentWorkspaceSpec = z.object({
  classRef: objectReference.optional().meta({
    description: 'The AgentWorkspaceClass. Default: the class annotated dormouse.dev/is-default-class=true.',
  }),
  runPolicy: z.enum(['Auto', 'Always', 'Suspended']).default('Auto').meta({
    description:
      'Auto sleeps when idle; Always never sleeps; Suspended sleeps as soon as it can and stays asleep.',
  }),
  storage: z
    .object({
      size: quantity.default('2Gi').meta({
        description:
          'The size of the claim, at least 16Mi. It can grow where the StorageClass allows it, and never shrink.',
        'x-kubernetes-validations': [
          {
            rule: "quantity(self).compareTo(quantity('16Mi')) >= 0",
            message: 'must be at least 16Mi: transcripts and checkpoints need room as well',
          },
          {
            rule: 'quantity(self).compareTo(quantity(oldSelf)) >= 0',
            messageExpression:
              "'must not shrink: it is ' + oldSelf + ' and a claim can only grow; to have less, create another workspace'",
            message: 'must not shrink: a claim can only grow; to have less, create another workspace',
          },
        ],
      }),
      storageClassName: objectName
        .optional()
        .meta({ description: 'The StorageClass. Immutable. Default: the default one of the cluster.' }),
      retain: z.enum(['Delete', 'Retain']).default('Delete').meta({
        description: 'What happens to the claim, and so to every file, when the workspace is deleted.',
      }),
    })
    .prefault({})
    .meta({
      description: 'The claim that holds the files, the sessions and the checkpoints.',
      'x-kubernetes-validations': [
        {
          rule: 'has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)',
          message:
            'storageClassName is immutable: a claim cannot move to another StorageClass; create another workspace',
          fieldPath: '.storageClassName',
        },
      ],
    }),
  idle: z
    .object({
      after: duration.default('15m').meta({
        description: 'How long nothing must happen before the workspace sleeps; at least 5s.',
        'x-kubernetes-validations': [
          { rule: "duration(self) >= duration('5s')", message: 'must be at least 5s' },
        ],
      }),
    })
    .prefault({})
    .meta({ description: 'When the workspace counts as idle.' }),
  checkpoint: z
    .object({
      processes: z.enum(['Restart', 'Restore']).default('Restart').meta({
        description:
          'Restart starts services and restartable background tasks afresh after a sleep. Restore brings back services, background tasks and terminals with their memory, where spec.processImages of the class is enabled; elsewhere it is as Restart. The condition ProcessesRestored says what came of it.',
      }),
      keep: z.int().min(1).max(100).default(3).meta({ description: 'How many checkpoints are kept.' }),
      volumeSnapshotClassName: objectName.optional().meta({
        description:
          'The VolumeSnapshotClass. With it each checkpoint before a sleep comes with a VolumeSnapshot of the claim, from which another workspace can be made (spec.source). Default: no snapshots.',
      }),
      archive: z.boolean().optional().meta({
        description:
          'Whether each sleep is followed by an archive of its checkpoint in the bucket of the class (spec.archive). A wake in the meantime gives it up; the next sleep makes one of its own. Default: none but those that are asked for.',
      }),
      schedule: z
        .object({
          cron: z
            .string()
            .max(120)
            .regex(/^(@(hourly|daily|weekly|monthly|yearly|annually)|[^ ]+( [^ ]+){4})$/)
            .meta({
              description: 'Minute, hour, day of the month, month and day of the week, as cron has them.',
              patternMessage:
                'must be five fields as of cron, such as "0 3 * * *", or one of @hourly, @daily, @weekly, @monthly, @yearly',
            }),
          timeZone: z
            .string()
            .min(1)
            .max(64)
            .regex(/^[A-Za-z0-9_+-]+(\/[A-Za-z0-9_+-]+)*$/)
            .default('UTC')
            .meta({
              description: 'The time zone in which that is meant, such as Europe/Berlin.',
              patternMessage: 'must be the name of a time zone, such as Europe/Berlin',
            }),
          volumeSnapshot: z.boolean().default(false).meta({
            description:
              'Whether each comes with a VolumeSnapshot, as spec.volumeSnapshot of an AgentCheckpoint does.',
          }),
        })
        .optional()
        .meta({
          description:
            'Takes checkpoints at these times while the workspace is awake; one that is busy is waited for. Of a workspace that sleeps the newest checkpoint is what it is. Default: none.',
        }),
    })
    .prefault({})
    .meta({ description: 'How checkpoints are taken and what comes back from them.' }),
  agent: agent.prefault({}).meta({ description: 'The agent that works in the workspace.' }),
  services: z
    .array(service)
    .max(16)
    .optional()
    .meta({
      description: 'Programs that run as long as the workspace is awake, as a development server does.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-validations': [
        {
          rule: 'self.all(a, !has(a.port) || self.exists_one(b, has(b.port) && b.port == a.port))',
          message: 'two services have the same port: give each one its own',
        },
      ],
    }),
  mcpServers: z
    .array(mcpServer)
    .max(16)
    .optional()
    .meta({
      description:
        'MCP servers whose tools the agent has. Whoever writes them here lets them in; those that files of the home name ask a person first.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-validations': [
        {
          rule: 'self.all(each, has(each.command) != has(each.url))',
          message: 'each server takes either a command or a url',
        },
        {
          rule: 'self.all(each, has(each.url) || !has(each.headers) && !has(each.headersHelper) && !has(each.transport))',
          message: 'headers, headersHelper and transport are for servers with a url',
        },
        {
          rule: "self.all(each, !has(each.headersFrom) || has(each.url) && each.url.startsWith('http') && !each.url.contains('${') && !has(each.headersHelper) && (!has(each.transport) || each.transport == 'HTTP'))",
          message:
            'headersFrom is for servers with a url without variables, over HTTP, and without headersHelper: the gateway asks them',
        },
        {
          rule: 'self.all(each, has(each.command) || !has(each.env))',
          message: 'env is for servers with a command',
        },
      ],
    }),
  plugins: z
    .array(plugin)
    .max(32)
    .optional()
    .meta({
      description:
        'Plugins in the format of Claude Code: skills, commands, subagents, hooks and MCP servers, called NAME:PART. The condition PluginsLoaded says what became of them.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-validations': [
        {
          rule: 'self.all(each, (has(each.configMap) ? 1 : 0) + (has(each.git) ? 1 : 0) + (has(each.oci) ? 1 : 0) + (has(each.path) ? 1 : 0) == 1)',
          message: 'each plugin takes one of configMap, git, oci and path',
        },
        {
          rule: 'self.all(each, !has(each.headersFrom) || has(each.git) || has(each.oci))',
          message: 'headersFrom is for plugins with git or oci: the gateway fetches those',
        },
      ],
    }),
  env: z
    .array(
      z.object({
        name: z
          .string()
          .min(1)
          .max(128)
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .meta({
            description:
              'The name, unique in its workspace. DORMOUSE_ and ANTHROPIC_ are reserved prefixes; HTTP_PROXY, HTTPS_PROXY and NO_PROXY are reserved too, in capitals or not.',
            patternMessage: 'must be a variable name: letters, digits and "_", not beginning with a digit',
            'x-kubernetes-validations': [
              {
                rule: "!self.startsWith('DORMOUSE_') && !self.startsWith('ANTHROPIC_')",
                message:
                  'names that begin with DORMOUSE_ or ANTHROPIC_ are reserved: choose another; the model and its provider are set by the class',
              },
              {
                rule: "!(self in ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'])",
                message:
                  'the proxy is set by Dormouse, there is no other way out: choose another name; what can be reached is in spec.egress.allow of the class',
              },
            ],
          }),
        value: z.string().max(8192).meta({ description: 'The value, taken literally.' }),
      }),
    )
    .max(64)
    .optional()
    .meta({
      description: 'Environment of tools and services. No place for secrets: the agent reads it.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
  source: z
    .object({
      checkpointRef: originReference.optional().meta({
        description: 'An AgentCheckpoint that has a VolumeSnapshot, or, in this namespace, an archive.',
      }),
      workspaceRef: originReference.optional().meta({
        description:
          'An AgentWorkspace: its newest AgentCheckpoint that has a VolumeSnapshot when this one begins.',
      }),
      archive: z
        .object({
          repository: repositoryPath.meta({
            description: 'Where it is, below spec.archive.prefix of the class. It is only read.',
          }),
          snapshots: archiveSnapshots.meta({ description: 'What of the repository it is.' }),
          workspace: objectName.meta({ description: 'The AgentWorkspace that was archived.' }),
          workspaceUID: z.string().min(1).max(64).meta({ description: 'Its UID.' }),
          checkpoint: objectName.meta({ description: 'The AgentCheckpoint that was archived.' }),
          sequence: z.int().min(1).meta({ description: 'The number of that checkpoint.' }),
          bytes: z.int().min(0).default(0).meta({ description: 'Bytes of all files.' }),
          passwordSecretRef: secretKey.meta({
            description: 'The password of the repository, in a Secret of this namespace.',
          }),
        })
        .optional()
        .meta({
          description:
            'An archive in the bucket of the class, of a workspace that may be of another cluster: what dormouse export writes down and dormouse import reads.',
        }),
    })
    .optional()
    .meta({
      'x-kubernetes-validations': [
        {
          rule: '(has(self.checkpointRef) ? 1 : 0) + (has(self.workspaceRef) ? 1 : 0) + (has(self.archive) ? 1 : 0) == 1',
          message:
            'name one of a checkpoint (checkpointRef), a workspace (workspaceRef) and an archive (archive)',
        },
      ],
      description:
        'What the workspace is a fork of: it begins with the files and the conversations of that checkpoint, and goes its own way. Immutable. Default: an empty workspace.',
    }),
  updatePolicy: z.enum(['OnSleep', 'Immediate']).default('OnSleep').meta({
    description:
      'When a change that needs a new pod takes effect: at the next sleep, or at once by way of a checkpoint.',
  }),
  ttlAfterSuspended: duration.optional().meta({
    description: 'Delete the workspace after it slept this long; at least 5s. Default: never.',
    'x-kubernetes-validations': [
      {
        rule: "duration(self) >= duration('5s')",
        message:
          'must be at least 5s: the workspace is deleted when it is over; leave it out to keep the workspace',
      },
    ],
  }),
});

export const workspacePhases = [
  'Pending',
  'Starting',
  'Running',
  'Checkpointing',
  'Suspended',
  'Failed',
  'Terminating',
] as const;
export type WorkspacePhase = (typeof workspacePhases)[number];

export const rewindPhases = ['Preparing', 'Restoring', 'Completed', 'Returning', 'Failed'] as const;

export const agentWorkspaceStatus = z.object({
  phase: z.enum(workspacePhases).optional().meta({ description: 'Where the workspace is in its life.' }),
  observedGeneration,
  className: z.string().max(253).optional().meta({ description: 'The class in force.' }),
  podUID: z
    .string()
    .max(64)
    .optional()
    .meta({ description: 'The pod that runs the workspace; absent while it sleeps.' }),
  idleSince: timestamp.optional().meta({ description: 'Since when nothing happened; absent while busy.' }),
  suspendedSince: timestamp.optional().meta({ description: 'Since when it sleeps; absent while awake.' }),
  startedAt: timestamp.optional().meta({ description: 'When the current pod was asked for.' }),
  nextWakeAt: timestamp.optional().meta({
    description:
      'When the agent is to be awake for a prompt that it scheduled; absent: nothing is scheduled.',
  }),
  messages: z
    .object({
      pending: z.int().min(0).meta({ description: 'Messages that the agent has not begun.' }),
      working: z.int().min(0).meta({ description: 'Messages that the agent works on.' }),
    })
    .optional()
    .meta({ description: 'Messages not yet completed.' }),
  approvals: z
    .object({
      waiting: z.int().min(0).meta({ description: 'How many tool calls wait.' }),
      requests: z
        .array(
          z.object({
            id: z.string().max(64).meta({ description: 'What an answer names.' }),
            session: z.string().max(63).meta({ description: 'The session that asks.' }),
            tool: z.string().max(128).meta({ description: 'The tool.' }),
            summary: z.string().max(512).meta({ description: 'What the call would do, in one line.' }),
            since: timestamp.meta({ description: 'Since when it waits.' }),
            questions: z
              .array(
                z.object({
                  question: z.string().max(1024).meta({ description: 'What the agent wants to know.' }),
                  options: z
                    .array(z.string().max(200))
                    .max(4)
                    .meta({ description: 'What it suggests; another answer is as good.' }),
                  several: z.boolean().meta({ description: 'Whether several may be chosen.' }),
                }),
              )
              .max(4)
              .optional()
              .meta({ description: 'What to answer, where to allow is not enough.' }),
            plan: z
              .string()
              .max(8192)
              .optional()
              .meta({ description: 'The plan to be approved, cut at 8 KiB.' }),
          }),
        )
        .max(16)
        .meta({
          description: 'Those that wait longest.',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['id'],
        }),
    })
    .optional()
    .meta({
      description:
        'Tool calls that wait for a person; absent: none. The workspace may sleep meanwhile. An AgentMessage with spec.approval answers one, as dormouse approve does.',
    }),
  checkpointing: z
    .object({
      sequence: z.int().min(1).meta({ description: 'Its number.' }),
      name: objectName.meta({ description: 'The AgentCheckpoint being taken.' }),
      startedAt: timestamp.meta({ description: 'When it was asked for.' }),
    })
    .optional()
    .meta({ description: 'The checkpoint under way; absent otherwise.' }),
  checkpoint: z
    .object({
      sequence: z.int().min(1).meta({ description: 'Its number.' }),
      name: objectName.meta({ description: 'The AgentCheckpoint.' }),
      digest: z
        .string()
        .max(71)
        .meta({ description: 'SHA-256 of the manifest, as sha256:HEX, verified by the operator.' }),
      completedAt: timestamp.meta({ description: 'When it was complete.' }),
    })
    .optional()
    .meta({ description: 'The newest verified checkpoint: what the next wake starts from.' }),
  forkedFrom: z
    .object({
      namespace: dnsLabel.optional().meta({ description: 'Its namespace, where that is another one.' }),
      workspace: objectName.meta({ description: 'The AgentWorkspace.' }),
      workspaceUID: z.string().max(64).meta({ description: 'Its UID.' }),
      checkpoint: objectName.meta({ description: 'The AgentCheckpoint.' }),
      sequence: z.int().min(1).meta({ description: 'The number of that checkpoint.' }),
      volumeSnapshot: objectName
        .optional()
        .meta({ description: 'The VolumeSnapshot that the claim was made from.' }),
      archive: z
        .object({
          repository: repositoryPath.meta({ description: 'Where the archive is.' }),
          snapshots: archiveSnapshots.meta({ description: 'What of that it is.' }),
          passwordSecretRef: secretKey.optional().meta({
            description: 'What opens it, where that is not derived from the master key of this cluster.',
          }),
          restored: z.boolean().meta({ description: 'Whether all of it is on the volume.' }),
        })
        .optional()
        .meta({ description: 'The archive that the volume was filled from.' }),
    })
    .optional()
    .meta({ description: 'What spec.source came to. Absent: the workspace is no fork.' }),
  claimName: objectName.optional().meta({
    description:
      'The PersistentVolumeClaim in force. Absent: the one that is named as the workspace. A rewind puts another in its place.',
  }),
  agentImage: z.string().max(1024).optional().meta({
    description:
      'The image of the agent that last ran on the volume. A wake with another one keeps a checkpoint first, with the trigger BeforeUpgrade.',
  }),
  schedule: z
    .object({
      last: timestamp.optional().meta({ description: 'When a checkpoint was last asked for.' }),
      next: timestamp.optional().meta({ description: 'When the next one is due, if it is awake then.' }),
    })
    .optional()
    .meta({ description: 'Where spec.checkpoint.schedule stands.' }),
  rewind: z
    .object({
      checkpoint: objectName.meta({
        description: 'The AgentCheckpoint that asked for it. It holds what was before: the way back.',
      }),
      uid: z.string().max(64).meta({ description: 'Its UID.' }),
      to: z
        .object({
          checkpoint: objectName.meta({ description: 'The AgentCheckpoint.' }),
          sequence: z.int().min(1).meta({ description: 'Its number.' }),
          digest: z.string().max(71).meta({ description: 'SHA-256 of its manifest, as sha256:HEX.' }),
          volumeSnapshot: objectName
            .optional()
            .meta({ description: 'The VolumeSnapshot that the claim is made from.' }),
          archive: z
            .object({
              place: z.enum(archivePlaces).meta({ description: 'Where it is.' }),
              repository: repositoryPath.optional().meta({ description: 'Which one, in a bucket.' }),
              snapshots: archiveSnapshots.meta({ description: 'What of that it is.' }),
            })
            .optional()
            .meta({ description: 'The archive that the claim is filled from, in place of a snapshot.' }),
        })
        .meta({ description: 'What it goes back to.' }),
      phase: z.enum(rewindPhases).meta({
        description:
          'Preparing: the present is being kept. Restoring: the agent starts on a claim made from the snapshot, or filled from the archive. Completed: it did, and that claim is in force. Returning and Failed: it could not, and the claim from before is in force again.',
      }),
      startedAt: timestamp.meta({ description: 'When it was begun.' }),
      completedAt: timestamp.optional().meta({ description: 'When it was completed or failed.' }),
      sequence: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'The number of the checkpoint that holds the present.' }),
      claim: objectName.optional().meta({ description: 'The claim that is made for it.' }),
      previousClaim: objectName.optional().meta({
        description:
          'The claim from before. It is removed when the rewind is completed and the VolumeSnapshot of the present, where there is one, is ready to use.',
      }),
      message: z.string().max(4096).optional().meta({ description: 'Why it failed; a sentence for people.' }),
    })
    .optional()
    .meta({ description: 'The last rewind. Absent: there was none.' }),
  usage: z
    .object({
      day: utcDay.meta({ description: 'The UTC day of which this speaks.' }),
      tokens: z.int().min(0).meta({ description: 'Tokens of all calls that are over.' }),
      limit: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'The tokens of one day, as they were limited then. Absent: no limit.' }),
    })
    .optional()
    .meta({
      description:
        'What was used of the model on the last day with a call. Written by the gateway: some 30 seconds late, or at once when the limit is reached. AgentUsage has the exact count.',
    }),
  conditions: z
    .array(condition)
    .max(16)
    .optional()
    .meta({
      description: 'What holds and what does not, and why.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
});

export type AgentWorkspaceSpec = z.output<typeof agentWorkspaceSpec>;
export type AgentWorkspaceStatus = z.output<typeof agentWorkspaceStatus>;
export type AgentWorkspace = CustomObject<'AgentWorkspace', AgentWorkspaceSpec, AgentWorkspaceStatus>;

export const agentWorkspace: KindDefinition = {
  kind: 'AgentWorkspace',
  plural: 'agentworkspaces',
  singular: 'agentworkspace',
  shortNames: ['aw'],
  scope: 'Namespaced',
  description:
    'One environment with its agent. It sleeps when nobody needs it and wakes as the same workspace.',
  spec: agentWorkspaceSpec.meta({
    'x-kubernetes-validations': [
      {
        rule: 'has(self.source) == has(oldSelf.source) && (!has(self.source) || self.source == oldSelf.source)',
        message:
          'source is immutable: a workspace begins once; create another workspace from the other checkpoint',
        fieldPath: '.source',
      },
    ],
  }),
  status: agentWorkspaceStatus,
  rules: [
    {
      rule: "self.metadata.name.size() <= 52 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
      message:
        'metadata.name must be at most 52 characters of a-z, 0-9 and "-", beginning and ending with a letter or a digit: the pod, its host name and the checkpoints are named after it',
    },
  ],
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Idle', type: 'date', jsonPath: '.status.idleSince' },
    { name: 'Checkpoint', type: 'integer', jsonPath: '.status.checkpoint.sequence' },
    { name: 'Messages', type: 'integer', jsonPath: '.status.messages.pending' },
    { name: 'Asks', type: 'integer', jsonPath: '.status.approvals.waiting' },
    { name: 'Class', type: 'string', jsonPath: '.status.className', priority: 1 },
    {
      name: 'Reason',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
      priority: 1,
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
