import { describe, expect, it } from 'vitest';
import { modelRefusal } from './allowed-models.ts';

const classWith = (allowed?: string[]) => ({
  metadata: { name: 'standard' },
  spec: { model: { default: 'small', ...(allowed && { allowed }) } } as never,
});

describe('a model', () => {
  it.each<[string, string[] | undefined, boolean]>([
    ['any', undefined, true],
    ['small', ['small'], true],
    ['large', ['small', 'large'], true],
    ['large', ['small'], false],
    // Another name is another model, whoever it is to the provider.
    ['Small', ['small'], false],
    ['small-20261101', ['small'], false],
    ['smal', ['small'], false],
    ['small ', ['small'], false],
    ['toString', ['small'], false],
  ])('%j is within %j: %s', (model, allowed, within) => {
    expect(modelRefusal(classWith(allowed), model) === undefined).toBe(within);
  });

  it('that is refused is named, with the class and what it allows', () => {
    const refusal = modelRefusal(classWith(['small', 'medium']), 'large');
    expect(refusal).toMatchObject({ status: 404, headers: { 'x-dormouse-reason': 'ModelNotAllowed' } });
    expect(refusal?.message).toBe(
      'model: AgentWorkspaceClass standard does not allow "large", but small, medium (spec.model.allowed). Name one of these, or have it added there.',
    );
  });
});
