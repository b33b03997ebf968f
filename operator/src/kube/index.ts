/** The API server: kinds, objects, requests, errors. */
export * from './client.ts';
export * from './clock.ts';
export * from './credentials.ts';
export * from './errors.ts';
export * from './http-client.ts';
export * from './object.ts';
export * from './resources.ts';
export { errorOf } from './status.ts';
