import type { z } from 'zod';

/** The group and version of every Dormouse kind. */
export const group = 'dormouse.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}` as const;

/** The parts of `metadata` that Dormouse reads; the API server owns the whole. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** One object of a custom kind, as it travels on the wire. */
export interface CustomObject<Kind extends string, Spec, Status> {
  apiVersion: typeof apiVersion;
  kind: Kind;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}

/** A CEL rule with the sentence that the API server answers when it does not hold. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  fieldPath?: string;
}

export interface PrinterColumn {
  name: string;
  type: 'string' | 'integer' | 'date' | 'boolean';
  jsonPath: string;
  description?: string;
  priority?: number;
}

/** Everything that one CustomResourceDefinition is made of. The YAML in `crds/generated` is derived from it. */
export interface KindDefinition {
  kind: string;
  plural: string;
  singular: string;
  shortNames: string[];
  scope: 'Namespaced' | 'Cluster';
  description: string;
  spec: z.ZodObject;
  status: z.ZodObject | undefined;
  /** Rules on the root of the object, where `self.metadata.name` is visible. */
  rules: ValidationRule[];
  columns: PrinterColumn[];
  /** JSON paths that `kubectl get --field-selector` takes. */
  selectableFields?: string[];
}
