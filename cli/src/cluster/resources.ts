import { type KubeObject, type Resource, resources } from '@dormouse/operator/kube';

/** What of a Deployment is read. */
export interface Deployment extends KubeObject {
  spec: { replicas?: number };
  status?: { readyReplicas?: number };
}

/** What of a CustomResourceDefinition is read. */
export interface Definition extends KubeObject {
  spec: { versions: { name: string; served: boolean; schema?: { openAPIV3Schema?: object } }[] };
}

/** What of a ConfigMap is read. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}

/** May this user do this? `status.allowed` answers. */
export interface AccessReview extends KubeObject {
  spec: { resourceAttributes: Right };
  status?: { allowed: boolean; reason?: string };
}

/** A right, as RBAC names it. */
export interface Right {
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
}

/** Kinds that only a person's tools read; those of the operator come first. */
export const kinds = {
  ...resources,
  deployments: {
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
    kind: 'Deployment',
    namespaced: true,
  } as Resource<Deployment>,
  configMaps: {
    group: '',
    version: 'v1',
    plural: 'configmaps',
    kind: 'ConfigMap',
    namespaced: true,
  } as Resource<ConfigMap>,
  definitions: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    kind: 'CustomResourceDefinition',
    namespaced: false,
  } as Resource<Definition>,
  storageClasses: {
    group: 'storage.k8s.io',
    version: 'v1',
    plural: 'storageclasses',
    kind: 'StorageClass',
    namespaced: false,
  } as Resource<KubeObject>,
  accessReviews: {
    group: 'authorization.k8s.io',
    version: 'v1',
    plural: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
  } as Resource<AccessReview>,
};
