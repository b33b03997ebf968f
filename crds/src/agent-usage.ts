import { z } from 'zod';
import { usage } from './agent-message.ts';
import type { CustomObject, KindDefinition } from './resource.ts';
import { dnsLabel, objectName, timestamp, utcDay } from './scalars.ts';

/** A millionth of the currency of the class's prices: a token at a price of 1 for a million costs 1. */
const cost = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const agentUsageSpec = z.object({
  workspace: z
    .object({
      namespace: dnsLabel.meta({ description: 'Its namespace.' }),
      name: objectName.meta({ description: 'Its name.' }),
      uid: z.string().min(1).max(64).meta({ description: 'Its metadata.uid.' }),
    })
    .meta({ description: 'Whose usage this is.' }),
  day: utcDay.meta({ description: 'The UTC day on which the calls began.' }),
  totalTokens: z.int().min(0).meta({ description: 'All tokens of all charges.' }),
  charges: z
    .array(
      usage.extend({
        class: objectName.meta({ description: 'The AgentWorkspaceClass at the time of the calls.' }),
        calls: z.int().min(0).meta({ description: 'Calls of the model.' }),
        cost: cost.meta({ description: 'In millionths of the currency of spec.model.prices of the class.' }),
      }),
    )
    .max(64)
    .default([])
    .meta({
      description: 'What was counted, for each class that the workspace had on that day.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['class'],
    }),
  reservations: z
    .array(
      z.object({
        id: z.string().min(1).max(64).meta({ description: 'Of the call.' }),
        class: objectName.meta({ description: 'The AgentWorkspaceClass of the call.' }),
        inputTokens: z.int().min(0).meta({ description: 'The most that the call may read, as estimated.' }),
        outputTokens: z.int().min(0).meta({ description: 'The most that the call may write.' }),
        cost: cost.meta({ description: 'The most that it may cost, as above.' }),
        expiresAt: timestamp.meta({
          description: 'After this the call is over; what was reserved is charged if nothing was counted.',
        }),
      }),
    )
    .max(256)
    .default([])
    .meta({
      description: 'Calls under way. They count against limits with all that is reserved.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
    }),
});

export type AgentUsageSpec = z.output<typeof agentUsageSpec>;
export type AgentUsage = CustomObject<'AgentUsage', AgentUsageSpec, never>;

/** Everything is in `spec`, as in a Lease: each call then takes one write before and one after. */
export const agentUsage: KindDefinition = {
  kind: 'AgentUsage',
  plural: 'agentusages',
  singular: 'agentusage',
  shortNames: ['au'],
  scope: 'Namespaced',
  description:
    'What one workspace used of the model on one UTC day. Written by the gateway, in its own namespace; nothing to create by hand.',
  spec: agentUsageSpec,
  status: undefined,
  rules: [],
  columns: [
    { name: 'Namespace', type: 'string', jsonPath: '.spec.workspace.namespace' },
    { name: 'Workspace', type: 'string', jsonPath: '.spec.workspace.name' },
    { name: 'Class', type: 'string', jsonPath: '.spec.charges[*].class' },
    { name: 'Day', type: 'string', jsonPath: '.spec.day' },
    { name: 'Tokens', type: 'integer', jsonPath: '.spec.totalTokens' },
    { name: 'Cost', type: 'string', jsonPath: '.spec.charges[*].cost', priority: 1 },
  ],
};
