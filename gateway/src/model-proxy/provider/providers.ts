import type { AgentWorkspaceClass } from '@dormouse/crds';

type Model = AgentWorkspaceClass['spec']['model'];

/** A server that speaks the Messages API, and where its key is. */
export interface Provider {
  baseUrl: string;
  secretRef: NonNullable<Model['secretRef']> | undefined;
}

/** The providers of a class, in the order in which they are asked. */
export function providersOf({ spec }: AgentWorkspaceClass): Provider[] {
  const { baseUrl, secretRef, fallbacks = [] } = spec.model;
  return [{ baseUrl, secretRef }, ...fallbacks].map((each) => ({
    baseUrl: each.baseUrl,
    secretRef: each.secretRef,
  }));
}

/** Host and port: what is shown of a provider. A URL can hold more than that. */
export function hostOf({ baseUrl }: Provider): string {
  return new URL(baseUrl).host;
}

/** Stands for a provider wherever something is remembered about it. */
export function idOf({ baseUrl, secretRef }: Provider): string {
  return JSON.stringify([baseUrl, secretRef?.name, secretRef?.key]);
}
