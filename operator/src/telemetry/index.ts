/** What the operator tells of itself: logs, metrics, health, Events. */
export * from './batched-output.ts';
export * from './events.ts';
export * from './health.ts';
export * from './log.ts';
export * from './metrics.ts';
