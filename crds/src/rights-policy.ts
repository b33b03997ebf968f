import { group, version } from './resource.ts';

/** Who may create what. The API server asks its own authorizer. */
export interface Rights {
  /** Of the policy and its binding. */
  name: string;
  resource: string;
  /** Which objects it is about; the field that it looks at is immutable. */
  when: { name: string; expression: string };
  validations: object[];
}

/** The ValidatingAdmissionPolicy and its binding. */
export function rightsPolicy({ name, resource, when, validations }: Rights): object[] {
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [group], apiVersions: [version], operations: ['CREATE'], resources: [resource] },
          ],
        },
        matchConditions: [when],
        validations,
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    },
  ];
}
