import { approvalRightsPolicy } from './approval-rights.ts';
import { ceilingsPolicy } from './ceilings.ts';
import { customResourceDefinition } from './definition/custom-resource-definition.ts';
import { forkRightsPolicy } from './fork-rights.ts';
import { kinds } from './index.ts';
import { referenceIndex, referencePage } from './reference/page.ts';
import { group } from './resource.ts';
import { senderRightsPolicy } from './sender-rights.ts';
import { yaml } from './yaml.ts';

const notice = '# Generated from crds/src by `npm run generate`. Do not edit.\n';

/** Every generated file: path from the root of the repository, content. */
export function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const kind of kinds) {
    const name = `${group}_${kind.plural}.yaml`;
    const definition = customResourceDefinition(kind);
    files.set(`crds/generated/${name}`, manifest([definition]));
    files.set(`charts/dormouse/templates/crds/${name}`, crdTemplate(definition));
    files.set(`docs/reference/${kind.singular}.md`, referencePage(kind));
  }
  const policies = {
    ceilings: ceilingsPolicy(),
    'approval-rights': approvalRightsPolicy(),
    'fork-rights': forkRightsPolicy(),
    'sender-rights': senderRightsPolicy(),
  };
  for (const [name, objects] of Object.entries(policies)) {
    files.set(`crds/generated/${name}.yaml`, manifest(objects));
    files.set(`charts/dormouse/templates/${name}.yaml`, notice + helmLiteral(documents(objects)));
  }
  files.set('docs/reference/README.md', referenceIndex(kinds));
  return files;
}

/**
 * CRDs are templates, since Helm installs the files of a chart's `crds/` folder once and never upgrades them. The policy
 * `keep` is what lets workspaces outlive `helm uninstall`: without its CRD every object of a kind is deleted.
 */
function crdTemplate(definition: { metadata: object }): string {
  const kept = {
    ...definition,
    metadata: { ...definition.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } },
  };
  return `${notice}{{- if .Values.crds.install }}\n${helmLiteral(documents([kept]))}{{- end }}\n`;
}

/** Text that Helm's template engine passes on as it is. */
export function helmLiteral(text: string): string {
  return text.replaceAll(/\{\{|\}\}/g, (braces) => `{{ "${braces}" }}`);
}

function manifest(objects: object[]): string {
  return notice + documents(objects);
}

/** Folded lines would make a diff hard to read. */
function documents(objects: object[]): string {
  return objects.map((object) => `---\n${yaml(object, 0)}`).join('');
}
