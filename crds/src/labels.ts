/** Carried by every object that belongs to a workspace; its value is the workspace's name. */
export const workspaceLabel = 'dormouse.dev/workspace';

/** On an AgentMessage that a workspace sent: that workspace's name. */
export const senderLabel = 'dormouse.dev/sender';

/** On a Secret: where its values may be sent to as headers: origins such as `https://mcp.example.com`, or URLs for what lies at or below them, with commas between them. */
export const sentToAnnotation = 'dormouse.dev/sent-to';

/** Holds a workspace until what it owned is gone. */
export const workspaceFinalizer = 'dormouse.dev/workspace';

/** On a pod: the hash of the template it was made from. A different one means that a new pod is needed. */
export const templateHashAnnotation = 'dormouse.dev/template-hash';

/** On the pod that archives a workspace: the AgentCheckpoint that it does so for. */
export const checkpointAnnotation = 'dormouse.dev/checkpoint';

/**
 * On a workspace: an RFC 3339 instant until which somebody is attached. It wakes the workspace and keeps it awake; an
 * instant in the past means nothing.
 */
export const attachedUntilAnnotation = 'dormouse.dev/attached-until';

/** On an AgentUsage: the namespace of the workspace, and the UTC day. */
export const usageLabels = {
  namespace: 'dormouse.dev/workspace-namespace',
  day: 'dormouse.dev/day',
} as const;
