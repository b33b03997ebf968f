import { group, type KindDefinition, version } from '../resource.ts';
import { type StructuralSchema, structural } from './structural.ts';

/** The CustomResourceDefinition of one kind, ready to be applied. */
export function customResourceDefinition(kind: KindDefinition) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ['dormouse'],
      },
      scope: kind.scope,
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(kind) },
          ...(kind.status === undefined ? {} : { subresources: { status: {} } }),
          ...(kind.selectableFields === undefined
            ? {}
            : { selectableFields: kind.selectableFields.map((jsonPath) => ({ jsonPath })) }),
          additionalPrinterColumns: kind.columns,
        },
      ],
    },
  };
}

/** The schema of the whole object. `metadata` is the API server's own business. */
export function rootSchema(kind: KindDefinition): StructuralSchema {
  const spec = { ...structural(kind.spec, `${kind.kind}.spec`), description: 'What is wanted.' };
  const mayBeEmpty = (spec.required ?? []).length === 0;
  const properties: Record<string, StructuralSchema> = {
    apiVersion: { type: 'string', description: `${group}/${version}` },
    kind: { type: 'string', description: kind.kind },
    metadata: { type: 'object' },
    spec: mayBeEmpty ? { ...spec, default: {} } : spec,
  };
  if (kind.status !== undefined) {
    const status = structural(kind.status, `${kind.kind}.status`);
    properties.status = { ...status, description: 'What is the case. Nothing to write by hand.' };
  }
  return {
    description: kind.description,
    type: 'object',
    ...(mayBeEmpty ? {} : { required: ['spec'] }),
    properties,
    ...(kind.rules.length === 0 ? {} : { 'x-kubernetes-validations': kind.rules }),
  };
}
