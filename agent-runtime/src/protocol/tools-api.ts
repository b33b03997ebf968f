/**
 * The API of `workspaced`, over the Unix socket `/run/dormouse/tools.sock`. The caller is `agentd`; what answers is untrusted,
 * so `agentd` parses every answer with these schemas and bounds every size.
 *
 * | request | body | answer |
 * |---|---|---|
 * | `POST /exec` | `execRequest` | NDJSON stream of `execEvent`; closing the connection kills the process group |
 * | `POST /pipes` | a line of `pipeRequest`, then the input | NDJSON stream of `pipeEvent`; closing the connection ends the program |
 * | `POST /outbound` | a line of `outboundRequest`, then its body | a line of `outboundAnswer`, then its body; by the proxy of the workspace |
 * | `GET /environment` | - | `environmentResult` |
 * | `POST /background` | `backgroundRequest` | `backgroundTask`; idempotent by id |
 * | `GET /background` | - | `backgroundTask[]` |
 * | `GET /background/ID/output?offset=BYTES&limit=BYTES&lines=true` | - | `outputSlice`; with `lines`, whole lines where it can be |
 * | `DELETE /background/ID` | - | `backgroundTask`, after its process group has ended |
 * | `POST /files/read` `…/write` `…/edit` `…/glob` `…/grep` | `…Request` | `…Result`, or 4xx `toolError` |
 * | `POST /files/resolve` | `resolveRequest` | `resolveResult` |
 * | `POST /files/remove` | `removeRequest` | `{}` |
 * | `POST /files/bytes` | `bytesRequest` | `bytesResult`: a whole file, such as an image |
 * | `POST /files/collect` | `collectRequests` | `collectResults`: many small files in one answer; what is not there is left out |
 * | `POST /fetch` | `fetchRequest` | `fetchResult`: a page from outside as text, by the proxy of the workspace |
 * | `PUT /services` | `servicesRequest` | `serviceStatus[]`; starts, stops and restarts what differs |
 * | `GET /services` | - | `serviceStatus[]` |
 * | `GET /events` | - | NDJSON stream of `toolsEvent`: services and background tasks that changed |
 * | `POST /terminals` | `terminalRequest` | `terminalState` |
 * | `GET /terminals` | - | `terminalList` |
 * | `GET /terminals/ID`, `Upgrade: dormouse-terminal` | - | 101, then frames both ways: see `terminalFrames` |
 * | `DELETE /terminals/ID` | - | `{}`, after all that ran on it has ended |
 * | `POST /checkpoint` | `stopRequest` | `stopResult`: every process has been ended (TERM, then KILL) and the volume synced. With images: each was dumped and waits, stopped |
 * | `POST /restore` | `restoreRequest` | `restoreResult` |
 * | `GET /healthz` | - | `toolsHealth` |
 *
 * Between `POST /checkpoint` and `POST /restore` every request that could start a process or change a file answers 503 `stopping`.
 * Where images can be restored, such a request waits at first, and so does one for terminals: until the first `POST /restore`, before
 * which nothing runs.
 */
import { z } from 'zod';
import { terminalState } from './terminals.ts';

export const execRequest = z.object({
  command: z.string().min(1),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  timeoutMs: z.int().min(1).max(600_000),
  /** What the command reads from its standard input. Default: nothing. */
  stdin: z
    .string()
    .max(8 * 1024 * 1024)
    .optional(),
});
export type ExecRequest = z.infer<typeof execRequest>;

export const execEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('output'), stream: z.enum(['stdout', 'stderr']), text: z.string() }),
  z.object({
    type: z.literal('exit'),
    code: z.int().nullable(),
    signal: z.string().nullable(),
    timedOut: z.boolean(),
    /** Where the whole output lies, when it was longer than what was streamed. */
    outputFile: z.string().optional(),
    /** Bytes of the whole output. */
    outputBytes: z.int().min(0),
    /** The working directory after the command, which the next one starts in. */
    cwd: z.string(),
  }),
]);
export type ExecEvent = z.infer<typeof execEvent>;

export const backgroundRequest = z.object({
  id: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z0-9_-]+$/),
  command: z.string().min(1),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
export type BackgroundRequest = z.infer<typeof backgroundRequest>;

export const backgroundTask = z.object({
  id: z.string(),
  status: z.enum(['running', 'exited', 'killed']),
  exitCode: z.int().nullable(),
  signal: z.string().nullable(),
  outputFile: z.string(),
  outputBytes: z.int().min(0),
});
export type BackgroundTask = z.infer<typeof backgroundTask>;

export const outputSlice = z.object({ text: z.string(), nextOffset: z.int().min(0), end: z.boolean() });

export const readRequest = z.object({
  path: z.string(),
  /** Lines to skip: 0 starts with the first line. */
  offset: z.int().min(0).optional(),
  /** Lines to return. */
  limit: z.int().min(1).optional(),
});
export const readResult = z.object({
  /** The lines as they stand in the file, line ends included, a byte order mark left out. */
  content: z.string(),
  totalLines: z.int().min(0),
  /** There are lines after the last one returned. */
  truncated: z.boolean(),
  /** SHA-256 of the whole file, hex. */
  hash: z.string(),
});

/** Where paths really lead: links followed, also of what is not there yet. */
export const resolveRequest = z.object({ paths: z.array(z.string()).min(1).max(8) });
export const resolveResult = z.object({ paths: z.array(z.string().max(8192)) });
/** A whole file that is no text. */
export const bytesRequest = z.object({ path: z.string(), maxBytes: z.int().min(1) });
export const bytesResult = z.object({
  base64: z.string(),
  bytes: z.int().min(0),
  /** SHA-256 of the file, hex. */
  hash: z.string(),
});

export const fetchRequest = z.object({ url: z.url() });
export const fetchResult = z.object({
  status: z.int(),
  /** Where it was found, after redirects. */
  url: z.string(),
  /** A redirect to another host, which was not followed: there is no text then. */
  redirect: z.string().optional(),
  text: z.string(),
  truncated: z.boolean(),
});

export const writeRequest = z.object({
  path: z.string(),
  content: z.string(),
  /** Write only if the file still has this hash; otherwise `changed`. */
  expectedHash: z.string().optional(),
});
export const removeRequest = z.object({
  path: z.string(),
  /** Remove only if the file still has this hash; otherwise `changed`. */
  expectedHash: z.string(),
});
export const writeResult = z.object({ created: z.boolean(), bytes: z.int().min(0), hash: z.string() });

export const editRequest = z.object({
  path: z.string(),
  oldString: z.string(),
  newString: z.string(),
  replaceAll: z.boolean(),
  /** Edit only if the file still has this hash; otherwise `changed`. */
  expectedHash: z.string().optional(),
});
export const editResult = z.object({ replacements: z.int().min(1), snippet: z.string(), hash: z.string() });

export const globRequest = z.object({ pattern: z.string(), path: z.string().optional() });
export const globResult = z.object({ paths: z.array(z.string()), truncated: z.boolean() });

export const grepRequest = z.object({
  pattern: z.string(),
  path: z.string().optional(),
  glob: z.string().optional(),
  type: z.string().optional(),
  outputMode: z.enum(['content', 'files_with_matches', 'count']).default('files_with_matches'),
  ignoreCase: z.boolean().optional(),
  lineNumbers: z.boolean().optional(),
  before: z.int().min(0).optional(),
  after: z.int().min(0).optional(),
  context: z.int().min(0).optional(),
  multiline: z.boolean().optional(),
  headLimit: z.int().min(1).optional(),
});
export const grepResult = z.object({ output: z.string(), truncated: z.boolean() });

export const collectRequest = z.object({
  /** Files to read. */
  files: z.array(z.string()).max(1000),
  /** Folders whose files are read, in the order of their names. Links are followed. */
  folders: z
    .array(
      z.object({
        path: z.string(),
        /** The name of a file, or `*.md` for every one that ends so. */
        name: z.string().min(1),
        /** 1: files of the folder itself; 2: also those of its folders; and so on. */
        depth: z.int().min(1).max(16),
      }),
    )
    .max(1000),
  /** Bytes of each file that are returned. */
  maxFileBytes: z
    .int()
    .min(1)
    .max(1024 * 1024),
});
export type CollectRequest = z.infer<typeof collectRequest>;
const collectResult = z.object({
  files: z.array(
    z.object({
      /** As it was asked for, absolute. */
      path: z.string(),
      /** Where links lead. */
      realPath: z.string(),
      /** UTF-8, a byte order mark left out. */
      content: z.string(),
      /** Of the whole file. */
      bytes: z.int().min(0),
      /** The file has more than `maxFileBytes`, and this is its beginning. */
      truncated: z.boolean(),
    }),
  ),
  /** What is there and could not be read. */
  problems: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })),
  /** There are more files than fit into one answer. */
  truncated: z.boolean(),
});
export type CollectResult = z.infer<typeof collectResult>;
/** What several have asked for in the same moment, and the answer to each in its place. Together they get no more than one would. */
export const collectRequests = z.object({ requests: z.array(collectRequest).min(1).max(100) });
export const collectResults = z.object({ results: z.array(collectResult) });

export const serviceSpec = z.object({
  name: z.string(),
  command: z.array(z.string()).min(1),
  port: z.int().optional(),
  restart: z.enum(['Always', 'OnFailure', 'Never']),
});
export const servicesRequest = z.object({ services: z.array(serviceSpec) });
export const serviceStatus = z.object({
  name: z.string(),
  status: z.enum(['starting', 'running', 'exited', 'backoff']),
  restarts: z.int().min(0),
  exitCode: z.int().nullable(),
  logFile: z.string(),
});
export type ServiceStatus = z.infer<typeof serviceStatus>;

export const toolsEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('background'), task: backgroundTask }),
  z.object({ type: z.literal('service'), service: serviceStatus }),
]);
export type ToolsEvent = z.infer<typeof toolsEvent>;

/** A file of a process image. */
const imageFile = z.object({
  name: z.string().regex(/^[\w.-]{1,128}$/),
  bytes: z.int().min(0),
  /** Hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ImageFile = z.infer<typeof imageFile>;

/** A process with all that it started, as criu wrote it down. */
export const processImage = z.object({
  kind: z.enum(['service', 'background', 'terminal']),
  /** The name of the service, the id of the task or terminal. */
  id: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  pid: z.int().min(1),
  /** Of a service, as it was declared then: it is restored only while it is declared so. */
  service: serviceSpec.optional(),
  /** Of a terminal, as it was; what it showed last is in one of the files. */
  terminal: terminalState.omit({ clients: true }).optional(),
  /** Whether nothing in it can hold the workspace's key at the proxy, so that a fork may go on with it. Older ones do not say. */
  withoutKey: z.boolean().optional(),
  files: z.array(imageFile).max(5000),
});
export type ProcessImage = z.infer<typeof processImage>;

/** Where images lie, all of one checkpoint in one folder. */
const imageFolder = z.string().regex(/^[0-9]{8,16}$/);

export const stopRequest = z.object({
  /** Dump the processes into this new folder, instead of ending them. Where one cannot be dumped: 409 `dump_failed`, and all run on. */
  images: imageFolder.optional(),
  /** Dump terminals too. Who does not ask for it does not know such images: then they are ended. */
  terminals: z.boolean().default(false),
});

export const stopResult = z.object({
  /** Names of the services that were declared. */
  services: z.array(z.string()),
  /** The tasks that this stop ended or dumped. */
  background: z.array(backgroundTask),
  images: z.array(processImage).max(100).optional(),
  /** One line for each terminal that was ended, since it could not be dumped and nothing ran on it: which, and why. */
  lost: z.array(z.string().max(1000)).max(100).optional(),
  /** Why there are no images though they were asked for: this pod cannot make any. */
  unsupported: z.string().max(1000).optional(),
});

export const restoreRequest = z.object({
  services: z.array(serviceSpec),
  background: z.array(backgroundRequest),
  images: z.object({ folder: imageFolder, images: z.array(processImage).max(100) }).optional(),
});
export const restoreResult = z.object({
  services: z.array(serviceStatus),
  background: z.array(backgroundTask),
  /** What became of each image. `lost`: why it was not restored; absent where it runs again. */
  images: z
    .array(processImage.pick({ kind: true, id: true }).extend({ lost: z.string().max(1000).optional() }))
    .max(100)
    .optional(),
});
export type RestoreResult = z.infer<typeof restoreResult>;

/** What the frames of an attached terminal are, by their kinds. */
export const terminalFrames = {
  /** Both ways: what is typed, what is shown. */
  bytes: 0,
  /** To workspaced: a `resizeMessage` as JSON. */
  resize: 1,
  /** From workspaced, its last: an `exitMessage` as JSON. */
  exit: 2,
  /** From workspaced, its last: this one read too slowly, and others did not wait for it. */
  behind: 3,
} as const;
/** What an attachment asks to upgrade to. */
export const terminalUpgrade = 'dormouse-terminal';

/** `bootId` is new with each start of `workspaced`: whatever ran under another one is gone. */
export const toolsHealth = z.object({ bootId: z.string(), stopping: z.boolean() });

/** The body of an answer of 400 and above: a sentence that the model can act on. */
export const toolError = z.object({
  error: z.object({
    code: z.enum([
      'invalid',
      'not_found',
      'outside_home',
      'not_unique',
      'no_match',
      'too_large',
      'is_directory',
      'io',
      'stopping',
      'changed',
      'limit',
      'conflict',
      'dump_failed',
      'unreachable',
    ]),
    message: z.string(),
  }),
});
