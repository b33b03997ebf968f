/** Who of several operators acts. */
export * from './lease-candidate.ts';
