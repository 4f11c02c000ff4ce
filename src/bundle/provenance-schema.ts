/** What was captured about a run, as a bundle may hold it. Fields of later versions pass unseen. */
import { z } from 'zod';
import { lines, sha256, text, time } from './schema-parts';

const untrackedSchema = z.object({
  path: z.string().max(4000),
  bytes: z.number().min(0),
  sha256,
  content: z.string().nullable(),
  encoding: z.enum(['utf8', 'base64']).optional(),
  stored: z.boolean().optional(),
});

const gitSchema = z.object({
  commit: text(100).nullable(),
  branch: text(1000).nullable(),
  remote: text(4000).nullable(),
  dirty: z.boolean(),
  patch: z.string().nullable(),
  untracked: z.array(untrackedSchema).max(100_000),
  patchObject: z.object({ sha256, bytes: z.number().min(0) }).nullable().optional(),
  remotes: z.array(z.object({ name: text(300), url: text(4000) })).max(1000).optional(),
  tags: z.array(text(1000)).max(10_000).optional(),
  describe: text(1000).nullable().optional(),
  submodules: z.array(z.object({ path: text(4000), commit: text(100).nullable(), dirty: z.boolean() })).max(10_000).optional(),
});

/** The code that a command runs in: its list and objects are in the bundle. */
const codeSchema = z.object({
  snapshot: sha256,
  folder: z.string().max(4096),
  files: z.int().min(0),
  bytes: z.number().min(0),
  withheld: z.array(z.object({ path: text(4096), note: text(1000), reason: z.enum(['secret', 'size', 'link', 'odd']).optional() })).max(1000),
  complete: z.boolean(),
});

const packageSchema = z.object({
  name: text(300),
  version: text(300),
  origin: z.object({ kind: z.enum(['vcs', 'archive', 'folder']), url: text(4000).nullable(), commit: text(200).optional() }).optional(),
  editable: z.literal(true).optional(),
});

const imageHash = z.string().regex(/^sha256:[0-9a-f]{64}$/u);

const pythonSchema = z.object({
  implementation: text(100),
  version: text(100),
  executable: text(4096),
  prefix: text(4096),
  virtual: z.boolean(),
  platform: text(200),
  packages: z.array(packageSchema).max(20_000),
  torch: z.object({ version: text(100), cuda: text(100).nullable(), rocm: text(100).nullable(), cudnn: text(100).nullable() }).nullable(),
  lockHash: sha256,
});

export const provenanceSchema = z.object({
  capturedAt: time,
  versions: z.object({ reprise: text(100), node: text(100), electron: text(100).nullable(), v8: text(100), onnxruntime: text(100) }),
  os: z.object({ platform: text(50), release: text(200), arch: text(50), name: text(200) }),
  cpu: z.object({ model: text(300), cores: z.int().min(0), flags: z.array(text(50)).max(2000) }),
  memoryBytes: z.number().min(0),
  gpus: z.array(z.object({ name: text(300), driver: text(300).nullable(), memoryBytes: z.number().min(0).optional() })).max(100),
  lockfileHash: sha256.nullable(),
  git: gitSchema.nullable(),
  code: codeSchema.nullable().optional(),
  environmentCheck: z.array(z.object({ item: text(200), required: text(300), actual: text(300), ok: z.boolean(), level: z.enum(['error', 'warning', 'ignore']).optional() })).max(1000),
  cuda: text(100).nullable().optional(),
  container: z.object({ kind: z.enum(['docker', 'podman', 'singularity', 'kubernetes', 'other']), image: text(1000).nullable(), digest: text(300).nullable() }).nullable().optional(),
  image: z.object({ name: text(1000).min(1), digest: imageHash.nullable(), id: imageHash }).optional(),
  python: pythonSchema.nullable().optional(),
  lockFiles: z.array(z.object({ path: text(4096), sha256, pinned: z.boolean() })).max(1000).optional(),
  variables: z.record(text(300), lines(100_000)).optional(),
  problems: z.array(lines(10_000)).max(1000),
});
