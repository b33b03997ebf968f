import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * One sentence for the first issue, in the form of the API: the path with dots, a colon, what is wrong. Of a union's
 * members the one that got furthest into the value speaks, so that `content.0.text: Field required` is said rather
 * than that `content` is not a string.
 */
export function describeIssue(issues: Issue[], prefix: PropertyKey[] = []): string {
  const issue = issues[0];
  if (issue === undefined) return 'Invalid request';
  const path = [...prefix, ...issue.path];
  const at = (name: PropertyKey[]) => name.map(String).join('.');
  switch (issue.code) {
    case 'unrecognized_keys':
      return `${at([...path, issue.keys[0] ?? ''])}: Extra inputs are not permitted`;
    case 'invalid_union': {
      const furthest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0];
      if (furthest !== undefined && furthest.length > 0) return describeIssue(furthest, path);
      return `${at(path)}: Input tag does not match any of the expected tags`;
    }
    case 'invalid_type':
      return issue.input === undefined
        ? `${at(path)}: Field required`
        : `${at(path)}: Input should be a valid ${issue.expected}`;
    case 'too_small':
      if (issue.origin === 'array') return `${at(path)}: at least ${issue.minimum} item is required`;
      if (issue.origin === 'string')
        return `${at(path)}: String should have at least ${issue.minimum} character`;
      return `${at(path)}: Input should be greater than or equal to ${issue.minimum}`;
    case 'invalid_format':
      return issue.format === 'regex' && issue.pattern !== undefined
        ? `${at(path)}: String should match pattern '${issue.pattern.slice(1, -1)}'`
        : `${at(path)}: ${issue.message}`;
    default:
      return `${at(path)}: ${issue.message}`;
  }
}

function depth(issues: Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}
