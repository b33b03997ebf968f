/** The way out of workspaces: who asks, what its class allows, which addresses are reached, and the proxy that carries it. */
export { isCidr } from './addresses.ts';
export { assembleEgress, type EgressAssembly } from './assemble.ts';
export type { EgressRecord } from './record.ts';
