/** Where things lie in the pod of a workspace. The operator mounts them; both daemons and the tests read them here. */
export const paths = {
  /** subPath `state`; container `agent` only. */
  state: '/var/lib/dormouse',
  /** subPath `state/transcripts`; container `workspace`, read-only. */
  transcripts: '/var/lib/dormouse/transcripts',
  /** subPath `state/plugins`; container `workspace`, read-only: pinned plugins, as agentd verified them. */
  plugins: '/var/lib/dormouse/plugins',
  /** ConfigMaps with plugins, a folder each; container `agent` only. */
  pluginArchives: '/etc/dormouse-plugins',
  /** subPath `home`; container `workspace` only. */
  home: '/home/agent',
  /** subPath `processes`; container `workspace`: output of background tasks, logs of services. */
  processes: '/var/lib/dormouse-processes',
  /** emptyDir shared by both. */
  toolsSocket: '/run/dormouse/tools.sock',
  /** The workspace's Secret; container `agent` only. Files: `config.json`, `key`. */
  secrets: '/etc/dormouse',
  /** Projected; container `agent` only. The file `token` says to the gateway which workspace this is; the kubelet renews it. */
  gatewayToken: '/var/run/secrets/dormouse.dev',
} as const;

/** Who runs in the two containers. The volume's group is shared; what each sees of it is decided by mounts. */
export const identities = { agent: 7000, workspace: 1000, volumeGroup: 7000 } as const;
