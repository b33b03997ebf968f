/** Keys that wait to be looked at. */
export * from './serial-queue.ts';
export * from './work-queue.ts';
