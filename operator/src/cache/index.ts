/** What the operator knows of the cluster without asking. */

export * from './expectations.ts';
export * from './informer.ts';
export * from './project.ts';
export * from './store.ts';
export * from './watch-informer.ts';
