import { z } from 'zod';
import { headersFrom } from './headers-from.ts';

const sha256 = z
  .string()
  .max(71)
  .regex(/^sha256:[0-9a-f]{64}$/)
  .meta({
    description: 'What it must be: sha256: and 64 hex digits.',
    patternMessage: 'must be a digest: sha256: and 64 hex digits',
  });

/** A plugin that a workspace has. All sources but `path` are pinned. */
export const plugin = z.object({
  name: z
    .string()
    .min(1)
    .max(50)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
    .meta({
      description:
        'The name that its plugin.json says, unique in its workspace; its parts are called NAME:PART.',
      patternMessage: 'must be lower-case letters, digits and "-"',
    }),
  configMap: z
    .object({
      name: z.string().min(1).max(253).meta({ description: 'A ConfigMap of this namespace.' }),
      digest: sha256,
    })
    .optional()
    .meta({
      description:
        'An archive of the folder of the plugin, as `tar -czf plugin.tar.gz -C FOLDER .` makes it, under the key plugin.tar.gz of a ConfigMap; the digest is that of the archive.',
    }),
  git: z
    .object({
      url: z
        .string()
        .min(1)
        .max(2048)
        .regex(/^https?:\/\/[^\s@]+$/)
        .meta({
          description:
            'The repository. Anybody must be able to read it, or headersFrom says as whom; egress.allow of the class must list its host.',
          patternMessage: 'must be a URL that begins with https:// or http://, without credentials',
        }),
      commit: z
        .string()
        .max(64)
        .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/)
        .meta({
          description: 'The commit, whole.',
          patternMessage: 'must be a whole commit: 40 or 64 hex digits, no branch and no tag',
        }),
      path: z
        .string()
        .min(1)
        .max(512)
        .regex(/^[^/\s][^\n]*$/)
        .optional()
        .meta({
          description: 'The folder of the plugin in the repository. Default: its top.',
          patternMessage: 'must be a path from the top of the repository, without a slash before it',
        }),
    })
    .optional()
    .meta({ description: 'A commit of a git repository.' }),
  oci: z
    .string()
    .max(512)
    .regex(/^[a-z0-9.-]+(:[0-9]+)?\/[a-z0-9._/-]+@sha256:[0-9a-f]{64}$/)
    .optional()
    .meta({
      description:
        'An artifact of a registry by its digest, with one layer, a .tar.gz of the folder of the plugin. Anybody must be able to read it, or headersFrom says as whom; egress.allow of the class must list its host.',
      patternMessage:
        'must be a reference with a digest, such as registry.example.com/plugins/review@sha256:…',
    }),
  headersFrom: headersFrom(
    'Headers whose values are in Secrets, such as Authorization, for a repository or a registry that only some may read. The gateway adds them and fetches the plugin in place of the workspace, which never sees them. It needs the right to get the Secret, whose annotation dormouse.dev/sent-to must name where its values may go: see docs/concepts/plugins.md.',
  ),
  path: z.string().min(1).max(512).optional().meta({
    description:
      'A folder of the home. It is not pinned: whatever the agent can write there has no more rights than files in .claude have.',
  }),
  config: z
    .array(
      z.object({
        name: z
          .string()
          .min(1)
          .max(128)
          .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
          .meta({
            description: 'The name of the option.',
            patternMessage: 'must be letters, digits and "_", not beginning with a digit',
          }),
        value: z
          .string()
          .max(4096)
          .meta({ description: 'Its value. Anybody who can read the workspace sees it.' }),
      }),
    )
    .max(64)
    .optional()
    .meta({
      description: 'Values of the options that userConfig of its plugin.json has.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    }),
});

const pattern = (about: string) =>
  z
    .string()
    .min(1)
    .max(512)
    .regex(/^[-A-Za-z0-9*._~:/@%]+$/)
    .optional()
    .meta({
      description: `${about}; * stands for any characters.`,
      patternMessage: 'must be letters, digits and - . _ ~ : / @ %, with * for any characters',
    });

/** A rule of a class about the plugins of its workspaces. */
export const allowedPlugin = z.object({
  git: pattern('The URL of a repository'),
  oci: pattern('A reference, without the digest'),
  configMap: pattern('The name of a ConfigMap'),
  path: pattern('A folder of the home, as the workspace writes it'),
});
