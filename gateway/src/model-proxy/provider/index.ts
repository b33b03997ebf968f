/** Servers that speak the Messages API, their keys, and which of them to ask. */

export { type Answered, ProviderChoice } from './provider-choice.ts';
export { ProviderKeys } from './provider-keys.ts';
export { hostOf } from './providers.ts';
