import { stringify } from 'yaml';

/**
 * An object as YAML that readers of 1.1 and of 1.2 take for the same. Helm and kubectl read 1.1, where a bare `On`, `y` or `no` is a
 * boolean and `1_000` a number: such strings are quoted. Nothing is an alias.
 *
 * @param lineWidth characters after which text is folded; 0: never
 */
export function yaml(object: object, lineWidth: number): string {
  return stringify(object, { compat: 'yaml-1.1', lineWidth, aliasDuplicateObjects: false });
}
