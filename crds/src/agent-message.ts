import { z } from 'zod';
import type { CustomObject, KindDefinition } from './resource.ts';
import { dnsLabel, duration, objectName, objectReference, observedGeneration, timestamp } from './scalars.ts';

/** What a person decided about a tool call that waits. */
const approval = z.object({
  id: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'The question, as status.approvals of the workspace has it.' }),
  decision: z.enum(['Allow', 'Deny']).meta({ description: 'Whether the call may run.' }),
  reason: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .meta({ description: 'Why it is denied, as the agent shall read it.' }),
  answers: z.array(z.string().min(1).max(4096)).min(1).max(4).optional().meta({
    description:
      'Where the agent asks questions, the answer to each, in their order: the label of an option, several, or something else.',
  }),
});

export const agentMessageSpec = z.object({
  workspaceRef: objectReference.meta({ description: 'The workspace, in the same namespace.' }),
  session: dnsLabel
    .default('default')
    .meta({ description: 'The session; made when the first message names it.' }),
  from: z.string().max(256).optional().meta({ description: 'Who sends it, as the agent shall see it.' }),
  sender: z
    .object({
      workspace: objectName.meta({ description: 'The workspace whose agent sent it.' }),
      hops: z
        .int()
        .min(1)
        .max(16)
        .meta({ description: 'How many workspaces one after another were moved by each other to send it.' }),
    })
    .optional()
    .meta({
      description:
        'Of a message of another workspace: which, as the gateway knows it. Nobody else can write this. The agent is told that no person speaks.',
    }),
  text: z
    .string()
    .min(1)
    .max(65536)
    .optional()
    .meta({
      description: 'The prompt, at most 64 KiB of UTF-8. A message has either this or approval.',
      'x-kubernetes-validations': [
        {
          rule: 'bytes(self).size() <= 65536',
          message:
            'must be at most 65536 bytes of UTF-8: put more into a file of the workspace and name it in attachments',
        },
      ],
    }),
  approval: approval.optional().meta({
    'x-kubernetes-validations': [
      {
        rule: "!has(self.answers) || self.decision == 'Allow'",
        message: 'answers go with the decision Allow; what is denied has a reason',
      },
    ],
    description:
      'The answer to a tool call that waits for a person, in place of a prompt. It wakes the workspace, and that call goes on, once. Whoever creates it needs the right approve on agentworkspaces/approve.',
  }),
  attachments: z
    .array(
      z.object({
        path: z
          .string()
          .min(1)
          .max(1024)
          .meta({
            description: 'A file in the home of the workspace: relative to it, or below /home/agent/.',
            'x-kubernetes-validations': [
              {
                rule: "(!self.startsWith('/') || self.startsWith('/home/agent/')) && !self.split('/').exists(part, part == '..')",
                message:
                  'must be relative to the home of the workspace or begin with /home/agent/, and have no ".."',
              },
            ],
          }),
        description: z.string().max(1024).optional().meta({ description: 'What is in it, for the agent.' }),
      }),
    )
    .max(32)
    .optional()
    .meta({ description: 'Files that the message speaks of, by reference.' }),
  replyTo: objectReference.optional().meta({ description: 'The message that this one answers.' }),
  ttlAfterCompleted: duration
    .default('24h')
    .meta({ description: 'How long the object stays after it was completed or failed.' }),
});

export const messagePhases = ['Pending', 'Delivered', 'Working', 'Completed', 'Failed'] as const;
export type MessagePhase = (typeof messagePhases)[number];

export const usage = z.object({
  inputTokens: z.int().min(0).meta({ description: 'Tokens sent that no cache held.' }),
  outputTokens: z.int().min(0).meta({ description: 'Tokens that the model wrote.' }),
  cacheReadTokens: z.int().min(0).meta({ description: "Tokens read from the provider's prompt cache." }),
  cacheWriteTokens: z.int().min(0).meta({ description: "Tokens written to the provider's prompt cache." }),
});
export type Usage = z.infer<typeof usage>;

export const agentMessageStatus = z.object({
  phase: z
    .enum(messagePhases)
    .optional()
    .meta({ description: 'Delivered: on the disk of the workspace. Completed and Failed are final.' }),
  observedGeneration,
  reply: z
    .object({
      text: z.string().max(16384).meta({ description: 'The answer, cut at 16 KiB.' }),
      truncated: z.boolean().default(false).meta({ description: 'Whether the answer was cut.' }),
      transcript: z
        .object({
          session: z.string().max(63).meta({ description: 'The session.' }),
          uuid: z.string().max(64).meta({ description: 'The uuid of the entry.' }),
        })
        .optional()
        .meta({ description: 'The transcript entry that holds the whole answer.' }),
    })
    .optional()
    .meta({ description: 'What the agent answered.' }),
  usage: usage.optional().meta({ description: 'Tokens of all model requests for this message.' }),
  pendingApprovals: z
    .array(
      z.object({
        id: z.string().max(64).meta({ description: 'What an answer names.' }),
        tool: z.string().max(128).meta({ description: 'The tool.' }),
        summary: z.string().max(1024).meta({ description: 'What the call would do, in one line.' }),
      }),
    )
    .max(32)
    .optional()
    .meta({ description: 'Tool calls that wait for a person.' }),
  arrival: z
    .string()
    .max(64)
    .regex(/^[0-9]*$/)
    .optional()
    .meta({
      description: 'The resourceVersion of its creation: orders messages of the same second.',
      patternMessage: 'must be of digits',
    }),
  deliveredAt: timestamp.optional().meta({ description: 'When it was on the disk of the workspace.' }),
  startedAt: timestamp.optional().meta({ description: 'When the agent began.' }),
  completedAt: timestamp.optional().meta({ description: 'When it was completed or failed.' }),
  reason: z.string().max(256).optional().meta({ description: 'One CamelCase word: why it waits or failed.' }),
  message: z.string().max(4096).optional().meta({ description: 'A sentence for people.' }),
});

export type AgentMessageSpec = z.output<typeof agentMessageSpec>;
export type AgentMessageStatus = z.output<typeof agentMessageStatus>;
export type AgentMessage = CustomObject<'AgentMessage', AgentMessageSpec, AgentMessageStatus>;

export const agentMessage: KindDefinition = {
  kind: 'AgentMessage',
  plural: 'agentmessages',
  singular: 'agentmessage',
  shortNames: ['am'],
  scope: 'Namespaced',
  description:
    'One prompt to one workspace, or the answer to a question of its agent, from whomever. A pending message wakes its workspace.',
  spec: agentMessageSpec.meta({
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'spec is immutable: create another AgentMessage instead' },
      {
        rule: 'has(self.text) != has(self.approval)',
        message: 'must have either text, to say something to the agent, or approval, to answer its question',
      },
      {
        rule: '!has(self.approval) || !has(self.sender)',
        message: 'approval has no sender: a person answers, and no workspace',
        fieldPath: '.sender',
      },
      {
        rule: '!has(self.approval) || !has(self.attachments)',
        message: 'approval has no attachments: say what the agent shall read in another message',
        fieldPath: '.attachments',
      },
    ],
  }),
  status: agentMessageStatus,
  rules: [],
  columns: [
    { name: 'Workspace', type: 'string', jsonPath: '.spec.workspaceRef.name' },
    { name: 'Session', type: 'string', jsonPath: '.spec.session', priority: 1 },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: ['.spec.workspaceRef.name', '.status.phase'],
};
