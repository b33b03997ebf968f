import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from './deadlines.ts';

describe('deadlines', () => {
  it('behave like a list that is searched, whatever is added, deleted and taken', () => {
    const key = fc.integer({ min: 0, max: 12 }).map((n) => `k${n}`);
    const at = fc.integer({ min: 0, max: 40 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key, at }),
      fc.record({ do: fc.constant('delete' as const), key }),
      fc.record({ do: fc.constant('take' as const), now: at }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const heap = new Deadlines();
        const model = new Map<string, number>();
        for (const one of steps) {
          if (one.do === 'add') {
            heap.add(one.key, one.at);
            model.set(one.key, Math.min(one.at, model.get(one.key) ?? one.at));
          } else if (one.do === 'delete') {
            heap.delete(one.key);
            model.delete(one.key);
          } else {
            const earliest = Math.min(...model.values());
            const taken = heap.take(one.now);
            if (earliest > one.now) expect(taken).toBeUndefined();
            else {
              expect(model.get(taken ?? '')).toBe(earliest);
              model.delete(taken ?? '');
            }
          }
          expect(heap.size).toBe(model.size);
          expect(heap.next).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
      }),
      { numRuns: 300 },
    );
  });
});
