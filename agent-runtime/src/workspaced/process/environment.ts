/** Names that concern `workspaced` or the cluster, not the user's commands. */
const internal = /^(DORMOUSE|KUBERNETES)_/;

/** What the image sets for `workspaced` alone, which waits more than it works: 2 MB less. Another value is somebody's own. */
const ofImage = new Set(['GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.trim_threshold=65536']);

/** What the image and the workspace's `spec.env` declare, out of the environment that the container was started with. */
export function declaredEnvironment(container: NodeJS.ProcessEnv): Record<string, string> {
  const declared: Record<string, string> = {};
  for (const [name, value] of Object.entries(container)) {
    if (value !== undefined && !internal.test(name) && !ofImage.has(`${name}=${value}`))
      declared[name] = value;
  }
  return declared;
}

/**
 * The environment of a command: a fixed base, then what the container declares, then what the request says. Nothing is
 * inherited from `workspaced` itself.
 */
export function commandEnvironment(
  home: string,
  declared: Readonly<Record<string, string>>,
  request: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const path = declared.PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return {
    USER: 'agent',
    LOGNAME: 'agent',
    SHELL: '/bin/bash',
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    ...declared,
    HOME: home,
    // What the agent installed for itself survives a sleep only in the home.
    PATH: `${home}/.local/bin:${path}`,
    ...request,
  };
}
