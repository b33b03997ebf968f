/**
 * Every condition type and every reason word that Dormouse writes, with its meaning. The operator imports the words, the
 * reference documentation prints the meanings: a reason that is not here cannot be written.
 *
 * `status` is the one status that a reason goes with, so that type and reason suffice to write a condition.
 */
export interface ReasonMeaning {
  status: 'True' | 'False' | 'Unknown';
  /** What is the case, and what a person can do where something can be done. */
  meaning: string;
}

export interface ConditionMeaning {
  /** The question that the condition answers. */
  meaning: string;
  reasons: Record<string, ReasonMeaning>;
}

/** Conditions of an AgentWorkspace. */
export const workspaceConditions = {
  Ready: {
    meaning:
      'Whether the agent takes a message at once. Its reason is the first thing that stands in the way.',
    reasons: {
      Running: { status: 'True', meaning: 'The pod runs and the agent answers.' },
      Suspended: {
        status: 'False',
        meaning:
          'The workspace sleeps. A message or an attachment wakes it, unless spec.runPolicy is Suspended.',
      },
      Starting: { status: 'False', meaning: 'The pod was asked for, the agent does not answer yet.' },
      Checkpointing: {
        status: 'False',
        meaning: 'The workspace is about to sleep. A message cancels that.',
      },
      Rewinding: {
        status: 'False',
        meaning: 'The workspace is being rewound to a checkpoint; status.rewind says how far that is.',
      },
      ClassNotResolved: { status: 'False', meaning: 'See the condition ClassResolved.' },
      StorageNotReady: { status: 'False', meaning: 'See the condition StorageReady.' },
      PodNotRunning: { status: 'False', meaning: 'See the condition PodRunning.' },
      AgentUnreachable: {
        status: 'False',
        meaning:
          'The pod runs, the agent does not answer the operator. Look at the log of the container agent, and at network policies between the operator and port 7070.',
      },
      ToolsUnavailable: {
        status: 'False',
        meaning:
          'The agent answers, the container workspace does not. Look at its log, and whether its image is made from the workspace image of Dormouse.',
      },
      Terminating: { status: 'False', meaning: 'The workspace is being deleted.' },
    },
  },
  Asleep: {
    meaning: 'Whether the workspace sleeps and, if not, what keeps it awake.',
    reasons: {
      Suspended: {
        status: 'True',
        meaning: 'The pod is gone and the checkpoint in status.checkpoint is verified.',
      },
      NeverStarted: { status: 'True', meaning: 'spec.runPolicy is Suspended and the workspace never ran.' },
      Starting: { status: 'False', meaning: 'The workspace is waking up.' },
      Demand: { status: 'False', meaning: 'Messages are open, or somebody is attached.' },
      Busy: { status: 'False', meaning: 'A turn, a tool or a background task is under way.' },
      IdleTooShort: { status: 'False', meaning: 'Nothing happens, but not yet for spec.idle.after.' },
      RunPolicyAlways: { status: 'False', meaning: 'spec.runPolicy is Always.' },
      AgentSilent: {
        status: 'False',
        meaning: 'The agent does not answer, so whether it is busy is not known, and it is left alone.',
      },
      Checkpointing: { status: 'False', meaning: 'The checkpoint before the sleep is being taken.' },
      CheckpointFailed: {
        status: 'False',
        meaning:
          'The checkpoint failed or did not verify. The workspace stays awake; it is tried again later.',
      },
      Blocked: {
        status: 'False',
        meaning: 'The workspace can neither run nor sleep; the reason of Ready says why.',
      },
      Terminating: { status: 'False', meaning: 'The workspace is being deleted.' },
    },
  },
  ClassResolved: {
    meaning: 'Whether the AgentWorkspaceClass was found.',
    reasons: {
      Resolved: { status: 'True', meaning: 'status.className is in force.' },
      Clamped: {
        status: 'True',
        meaning:
          'The class allows less than the workspace asks for: a ceiling was lowered after the workspace was made, or it has no process images. What it allows is in force.',
      },
      ClassNotFound: {
        status: 'False',
        meaning: 'spec.classRef names a class that does not exist. Create it, or name another.',
      },
      NoDefaultClass: {
        status: 'False',
        meaning:
          'The workspace names no class and none is annotated dormouse.dev/is-default-class=true. Name one, or annotate one.',
      },
    },
  },
  StorageReady: {
    meaning: 'Whether the claim is there and can be written.',
    reasons: {
      Bound: { status: 'True', meaning: 'The claim is bound.' },
      Resizing: { status: 'True', meaning: 'The claim is bound and grows to spec.storage.size.' },
      ClaimPending: {
        status: 'False',
        meaning:
          'The claim waits for its volume. Where the StorageClass waits for a first consumer, that is normal until the pod is scheduled.',
      },
      ProvisioningFailed: {
        status: 'False',
        meaning: 'The provisioner refuses; its sentence is in the message, more in the events of the claim.',
      },
      ClaimRefused: {
        status: 'False',
        meaning: 'The API server refuses the claim (a quota, a policy); its sentence is in the message.',
      },
      SourceNotReady: {
        status: 'False',
        meaning:
          'The checkpoint of spec.source, its VolumeSnapshot or its archive is being taken. That is waited for.',
      },
      SourceUnusable: {
        status: 'False',
        meaning:
          'No claim can be made from the checkpoint of spec.source: it is not there, or has neither a VolumeSnapshot nor an archive. Why is in the message.',
      },
      ClaimConflict: {
        status: 'False',
        meaning:
          'A claim of that name exists and belongs to something else. Delete or rename that claim, or rename the workspace.',
      },
      ClaimLost: {
        status: 'False',
        meaning:
          'The volume of the claim is gone. The files are lost unless the volume comes back; Dormouse makes no empty one in its place.',
      },
      VolumeFailing: {
        status: 'False',
        meaning: 'The volume refuses writes (full, or an I/O error). Raise spec.storage.size or free space.',
      },
    },
  },
  PodRunning: {
    meaning: 'Whether both containers of the pod run.',
    reasons: {
      ContainersRunning: { status: 'True', meaning: 'Both containers run.' },
      Asleep: { status: 'False', meaning: 'The workspace sleeps: there is no pod, and none is missing.' },
      Starting: { status: 'False', meaning: 'The pod is scheduled, its containers are being made.' },
      Unschedulable: {
        status: 'False',
        meaning: "No node takes the pod; the scheduler's sentence is in the message.",
      },
      ImagePullFailed: {
        status: 'False',
        meaning: 'An image cannot be pulled. Look at spec.images of the class.',
      },
      CrashLooping: {
        status: 'False',
        meaning: 'A container ends again and again. Its name and exit code are in the message.',
      },
      PodRefused: {
        status: 'False',
        meaning:
          'The API server refuses the pod (a quota, Pod Security, a policy); its sentence is in the message.',
      },
      PodConflict: {
        status: 'False',
        meaning:
          'A pod of that name exists and belongs to something else. Delete that pod, or rename the workspace.',
      },
      PodLost: {
        status: 'False',
        meaning: 'The pod ended or vanished (eviction, preemption, a lost node). Another one is made.',
      },
    },
  },
  ModelReachable: {
    meaning: 'Whether the model answers. Unknown until the first request.',
    reasons: {
      Answering: { status: 'True', meaning: 'The last request was answered.' },
      NotAsked: { status: 'Unknown', meaning: 'The agent has sent no request since it started.' },
      CredentialMissing: {
        status: 'False',
        meaning: 'The Secret or the key that spec.model.secretRef of the class names does not exist.',
      },
      BudgetSpent: {
        status: 'False',
        meaning:
          "The day's tokens of the workspace, or the day's money of its class, are spent. They are back at midnight UTC.",
      },
      Unauthorized: {
        status: 'False',
        meaning:
          "The provider refuses the credential. Replace it in the class's Secret; work goes on by itself.",
      },
      RateLimited: {
        status: 'False',
        meaning: 'The provider asks to wait. Requests are repeated by themselves.',
      },
      Overloaded: {
        status: 'False',
        meaning: 'The provider is overloaded. Requests are repeated by themselves.',
      },
      Unavailable: {
        status: 'False',
        meaning:
          'The gateway or the provider cannot be reached, or fails. Look at spec.model.baseUrl of the class and at the gateway.',
      },
      InvalidRequest: {
        status: 'False',
        meaning: 'The provider refuses the request, as for an unknown model; its sentence is in the message.',
      },
    },
  },
  CheckpointVerified: {
    meaning: 'Whether the newest checkpoint is whole. Unknown until the first one.',
    reasons: {
      Verified: { status: 'True', meaning: 'The digest of the manifest is the one in status.checkpoint.' },
      NoneYet: { status: 'Unknown', meaning: 'No checkpoint was taken yet.' },
      CheckpointFailed: {
        status: 'False',
        meaning:
          'The last checkpoint could not be taken; why is in the message. status.checkpoint is the one before.',
      },
      CheckpointTimedOut: {
        status: 'False',
        meaning: 'The last checkpoint was not complete in time. status.checkpoint is the one before.',
      },
      DigestMismatch: {
        status: 'False',
        meaning:
          'The manifest did not match its digest and was rejected. status.checkpoint is the one before.',
      },
    },
  },
  SnapshotTaken: {
    meaning:
      'Whether the newest checkpoint that was to have a VolumeSnapshot has one: that of a sleep, or by hand with spec.volumeSnapshot. Absent while spec.checkpoint.volumeSnapshotClassName was never set.',
    reasons: {
      Taken: { status: 'True', meaning: 'status.volumeSnapshot of that AgentCheckpoint names it.' },
      NoneYet: {
        status: 'Unknown',
        meaning: 'No checkpoint was taken since the workspace asks for snapshots.',
      },
      NotAsked: { status: 'Unknown', meaning: 'spec.checkpoint.volumeSnapshotClassName is no longer set.' },
      NotInstalled: {
        status: 'False',
        meaning:
          'The cluster has no VolumeSnapshots. Checkpoints are taken without. Install a snapshot controller with its definitions, or remove spec.checkpoint.volumeSnapshotClassName.',
      },
      SnapshotFailed: {
        status: 'False',
        meaning:
          'The last snapshot failed or took too long; why is in the message. The checkpoint itself is whole.',
      },
    },
  },
  CheckpointsScheduled: {
    meaning:
      'Whether checkpoints are taken at the times of spec.checkpoint.schedule. Absent while that was never set.',
    reasons: {
      Scheduled: { status: 'True', meaning: 'status.schedule.next is the next time.' },
      ScheduleInvalid: {
        status: 'False',
        meaning: 'The expression or the time zone cannot be read, or names no time; why is in the message.',
      },
      NotAsked: { status: 'Unknown', meaning: 'spec.checkpoint.schedule is no longer set.' },
    },
  },
  PluginsLoaded: {
    meaning: 'What became of the plugins in spec.plugins. It is there once the workspace had some.',
    reasons: {
      Loaded: { status: 'True', meaning: 'All of them are there, as they were pinned.' },
      Loading: { status: 'Unknown', meaning: 'They are being fetched.' },
      NoPlugins: { status: 'True', meaning: 'spec.plugins is empty.' },
      Failed: {
        status: 'False',
        meaning:
          'One or more cannot be had or read; the message says which, why, and in which file and line. The agent works without them, and tries again with each message.',
      },
    },
  },
  ProcessesRestored: {
    meaning:
      'What became of services, background tasks and terminals at the last wake. Unknown before the first wake.',
    reasons: {
      NothingToRestore: { status: 'True', meaning: 'None ran when the workspace went to sleep.' },
      Restored: { status: 'True', meaning: 'Process images were restored; memory is as it was.' },
      Restarted: {
        status: 'True',
        meaning:
          'Services and restartable background tasks were started afresh, as spec.checkpoint.processes asks.',
      },
      NeverSlept: { status: 'Unknown', meaning: 'The workspace has not slept yet.' },
      Rewound: {
        status: 'True',
        meaning:
          'The workspace was just rewound: processes whose images are in the checkpoint go on, services were started afresh otherwise.',
      },
      Forked: {
        status: 'True',
        meaning:
          "The workspace is a fork that just began: processes whose images came along go on, services and the origin's restartable background tasks were started afresh otherwise.",
      },
      NotSupported: {
        status: 'False',
        meaning:
          'spec.checkpoint.processes is Restore, but the class has no process images or the image of the workspace no criu. Services were started afresh.',
      },
      DumpFailed: {
        status: 'False',
        meaning:
          'The processes could not be dumped, and the class says to sleep all the same (spec.processImages.onDumpFailure Restart). Services were started afresh.',
      },
      RestoreFailed: {
        status: 'False',
        meaning: 'Some process images did not restore; which, why, and what runs instead is in the message.',
      },
      CheckpointRejected: {
        status: 'False',
        meaning: 'The newest checkpoint on the volume was not whole; an earlier one was used.',
      },
      RecoveredAfterCrash: {
        status: 'False',
        meaning:
          'The pod was lost without a checkpoint. Sessions and files are there; services were started afresh, other processes ended.',
      },
    },
  },
  UpToDate: {
    meaning: 'Whether the pod was made from the current spec, class and images.',
    reasons: {
      Current: { status: 'True', meaning: 'The pod, if any, matches.' },
      WaitingForSleep: {
        status: 'False',
        meaning: 'A change needs a new pod and takes effect at the next sleep (spec.updatePolicy OnSleep).',
      },
      Replacing: {
        status: 'False',
        meaning: 'A change needs a new pod; a checkpoint is taken, then the pod is replaced.',
      },
      ConfigRejected: {
        status: 'False',
        meaning: 'The running agent refused the new configuration; the one before is in force.',
      },
    },
  },
} as const satisfies Record<string, ConditionMeaning>;

export type WorkspaceConditionType = keyof typeof workspaceConditions;
export type WorkspaceConditionReason<Type extends WorkspaceConditionType> =
  keyof (typeof workspaceConditions)[Type]['reasons'];

/** Words of `status.reason` of an AgentMessage, by the phase that they go with. */
export const messageReasons = {
  WorkspaceNotFound: {
    phase: 'Pending',
    meaning: 'The workspace does not exist. The message is delivered when it does.',
  },
  WorkspaceAsleep: {
    phase: 'Pending',
    meaning: 'spec.runPolicy of the workspace is Suspended: nothing wakes it until that changes.',
  },
  WorkspaceWaking: { phase: 'Pending', meaning: 'The workspace is waking up.' },
  WorkspaceFailed: { phase: 'Pending', meaning: 'The workspace cannot run; its condition Ready says why.' },
  AgentRefused: {
    phase: 'Pending',
    meaning: 'The agent did not take the message now (a checkpoint, a full volume). It is tried again.',
  },
  Queued: {
    phase: 'Delivered',
    meaning: 'The agent has it on disk; an earlier message of the session is first.',
  },
  WaitingForApproval: {
    phase: 'Working',
    meaning: 'Tool calls in status.pendingApprovals wait for a person.',
  },
  ModelUnauthorized: {
    phase: 'Working',
    meaning: "The provider refuses the credential. The work goes on when the class's Secret has a good one.",
  },
  ModelCredentialMissing: {
    phase: 'Working',
    meaning: 'The Secret that the class names is missing. The work goes on when it is there.',
  },
  ModelUnavailable: { phase: 'Working', meaning: 'The provider fails. The request is repeated.' },
  TokenBudgetSpent: {
    phase: 'Failed',
    meaning: "The day's tokens (maxTokensPerDay) are spent. They are back at midnight UTC.",
  },
  CostBudgetSpent: {
    phase: 'Failed',
    meaning: "The day's money of the class (spec.model.maxCostPerDay) is spent. It is back at midnight UTC.",
  },
  MaxTurns: { phase: 'Failed', meaning: 'The message took more model requests than maxTurns allows.' },
  UnknownCommand: {
    phase: 'Failed',
    meaning:
      'The text begins with /NAME, and the workspace has no such command; those that it has are in the message.',
  },
  CommandFailed: {
    phase: 'Failed',
    meaning: 'A command inside of /NAME was not permitted or failed, so the model was not asked.',
  },
  Interrupted: { phase: 'Failed', meaning: 'Somebody interrupted the turn.' },
  InvalidRequest: {
    phase: 'Failed',
    meaning: 'The provider refuses the request; its sentence is in the message.',
  },
  MessageRefused: {
    phase: 'Failed',
    meaning: 'The agent refuses the message for good; why is in the message.',
  },
  WorkspaceRewound: {
    phase: 'Failed',
    meaning:
      'The workspace was rewound while the message had no answer yet. It is not asked again: send it again if it still matters.',
  },
  WorkspaceDeleted: {
    phase: 'Failed',
    meaning: 'The workspace was deleted before the message was completed.',
  },
  ApprovalUnknown: {
    phase: 'Failed',
    meaning: 'The workspace never asked a question with the id in spec.approval.',
  },
  ApprovalAnswered: { phase: 'Failed', meaning: 'Another answer to that question came first, and counts.' },
  ApprovalExpired: {
    phase: 'Failed',
    meaning: 'That question waits no longer: its turn was stopped, or a rule settled it.',
  },
} as const satisfies Record<string, { phase: string; meaning: string }>;
export type MessageReason = keyof typeof messageReasons;

/** Words of `status.reason` of an AgentCheckpoint, by the phase that they go with. */
export const checkpointReasons = {
  WorkspaceNotFound: {
    phase: 'Failed',
    meaning: 'The workspace does not exist.',
  },
  WorkspaceWaking: { phase: 'Pending', meaning: 'The workspace is waking up to take it.' },
  WorkspaceFailed: { phase: 'Pending', meaning: 'The workspace cannot run; its condition Ready says why.' },
  Busy: {
    phase: 'Pending',
    meaning: 'A turn, a tool or a background task is under way; it is taken after that.',
  },
  NeverStarted: {
    phase: 'Pending',
    meaning: 'The workspace never ran and spec.runPolicy is Suspended: there is nothing to take.',
  },
  AnotherUnderWay: { phase: 'Pending', meaning: 'Another checkpoint of the workspace is being taken.' },
  TargetNotReady: {
    phase: 'Pending',
    meaning: 'The checkpoint to rewind to, or its VolumeSnapshot, is being taken. That is waited for.',
  },
  RewindUnderWay: {
    phase: 'Pending',
    meaning:
      'Another rewind of the workspace is not over, or the claim from before it is still there; it goes when the VolumeSnapshot of that moment is ready.',
  },
  RewindRefused: {
    phase: 'Failed',
    meaning: 'The workspace was not rewound and is as it was; why, and what to do, is in the message.',
  },
  WaitsForSleep: {
    phase: 'Pending',
    meaning:
      'It is to be archived, and that is done while the workspace sleeps. It sleeps as soon as it is idle, unless spec.runPolicy is Always.',
  },
  ArchiveNotConfigured: {
    phase: 'Failed',
    meaning: 'It is to be archived, and the class of the workspace names no bucket: spec.archive.',
  },
  Superseded: {
    phase: 'Failed',
    meaning: 'The workspace was asleep and stays so: its newest checkpoint already says what this one would.',
  },
  Cancelled: { phase: 'Failed', meaning: 'A message or an attachment came; the workspace stays awake.' },
  DigestMismatch: { phase: 'Failed', meaning: 'The manifest does not match the digest that the agent gave.' },
  TimedOut: { phase: 'Failed', meaning: 'The agent was not done in time.' },
  VolumeFailing: { phase: 'Failed', meaning: 'The volume refused writes (full, or an I/O error).' },
  PodLost: { phase: 'Failed', meaning: 'The pod ended while the checkpoint was taken.' },
  AgentFailed: { phase: 'Failed', meaning: 'The agent could not take it; why is in the message.' },
  SnapshotFailed: {
    phase: 'Completed',
    meaning:
      'The checkpoint is whole, but its VolumeSnapshot failed or took too long; why is in the message.',
  },
  WorkspaceDeleted: {
    phase: 'Failed',
    meaning: 'The workspace was deleted before the checkpoint was taken.',
  },
} as const satisfies Record<string, { phase: string; meaning: string }>;
export type CheckpointReason = keyof typeof checkpointReasons;

/** Words of `status.archive.reason` of an AgentCheckpoint, by the phase that they go with. */
export const archiveReasons = {
  Queued: { phase: 'Pending', meaning: 'Its pod has not begun, or another archive comes first.' },
  NotConfigured: {
    phase: 'Failed',
    meaning: 'The class of the workspace names no bucket: spec.archive.',
  },
  Interrupted: {
    phase: 'Failed',
    meaning: 'The workspace woke up before it was archived. The next sleep is archived as a whole.',
  },
  PodRefused: { phase: 'Failed', meaning: 'The API server refuses the pod; its sentence is in the message.' },
  TimedOut: { phase: 'Failed', meaning: 'It took longer than spec.archive.timeout of the class.' },
  ArchiveFailed: {
    phase: 'Failed',
    meaning:
      'The bucket is missing, its key is refused, it cannot be reached, or files could not be read; why is in the message.',
  },
} as const satisfies Record<string, { phase: string; meaning: string }>;
export type ArchiveReason = keyof typeof archiveReasons;
