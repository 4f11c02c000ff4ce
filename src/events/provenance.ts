/** What is captured about a run before its first step, as it stands in `run.json`. */

/** An object of the workspace, `objects/ab/abcd…`. */
export interface ObjectRef {
  /** SHA-256, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

/** A file that git neither tracks nor ignores. */
export interface UntrackedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The content itself in bundles and in manifests written before it was kept as an object. */
  readonly content: string | null;
  readonly encoding?: 'utf8' | 'base64';
  /** Whether the workspace has the content as an object; absent where it has not. */
  readonly stored?: boolean;
}

export interface GitState {
  readonly commit: string | null;
  readonly branch: string | null;
  /** Address of the branch's remote, else of `origin`, without credentials. */
  readonly remote: string | null;
  readonly dirty: boolean;
  /** What `git apply` makes the working tree from: only in bundles and in manifests written before it was kept as an object. */
  readonly patch: string | null;
  readonly untracked: readonly UntrackedFile[];
  // All below is absent in manifests written before it was captured.
  /** The patch as an object; null when there is none. */
  readonly patchObject?: ObjectRef | null;
  readonly remotes?: readonly { readonly name: string; readonly url: string }[];
  /** Tags of the commit. */
  readonly tags?: readonly string[];
  /** The commit's place after the last tag (`v1.2-3-gabcdef`), or its short hash. */
  readonly describe?: string | null;
  /** Repositories inside this one. */
  readonly submodules?: readonly { readonly path: string; readonly commit: string | null; readonly dirty: boolean }[];
}

/** The image of a container, as its name was resolved when the run was made. */
export interface ImageRef {
  /** As the config names it. */
  readonly name: string;
  /** `sha256:…` of its manifest in the registry; null for one that came from none (it was built or imported). */
  readonly digest: string | null;
  /** `sha256:…` of its configuration: the same in every engine that has it. */
  readonly id: string;
}

export type WithheldReason = 'secret' | 'size' | 'link' | 'odd';

/** The files of the code as they were: see src/events/snapshot.ts. */
export interface CodeSnapshot {
  /** SHA-256 of the snapshot object: the identity of the code state. */
  readonly snapshot: string;
  /** The config's folder in it, with `/`; empty where that is the top. */
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** What is not in it and why, the first 200; the reasons are those of the snapshot, absent in older records. */
  readonly withheld: readonly { readonly path: string; readonly note: string; readonly reason?: WithheldReason }[];
  /** False where something is missing. */
  readonly complete: boolean;
  /**
   * Tells states of the files apart that are withheld because they may hold secrets, which the snapshot cannot:
   * HMAC-SHA-256 over their names and contents under a random key that never leaves the workspace. It means nothing in
   * another one, so no bundle has it. Absent where no such file is withheld, and in older records.
   */
  readonly withheldDigest?: string;
}

/** An installed distribution, as `pip freeze` names it. */
export interface PythonPackage {
  /** Normalised as PEP 503 has it: lower case, single hyphens. */
  readonly name: string;
  readonly version: string;
  /** Where it came from, if not from an index: an address without credentials, with its commit where git gave it. */
  readonly origin?: { readonly kind: 'vcs' | 'archive' | 'folder'; readonly url: string | null; readonly commit?: string };
  /** Its code lies in a folder of its own and can change under the same version. */
  readonly editable?: true;
}

/** The interpreter that a command starts, and what it can import. */
export interface PythonEnvironment {
  readonly implementation: string;
  /** `3.11.7`. */
  readonly version: string;
  readonly executable: string;
  readonly prefix: string;
  /** Whether `prefix` is a virtual environment. */
  readonly virtual: boolean;
  /** `linux-x86_64`, as `sysconfig.get_platform()`. */
  readonly platform: string;
  /** Sorted by name. */
  readonly packages: readonly PythonPackage[];
  /** What its `version.py` says; CUDA, ROCm and cuDNN are null where it was built without. */
  readonly torch: { readonly version: string; readonly cuda: string | null; readonly rocm: string | null; readonly cudnn: string | null } | null;
  /** Hash of interpreter and packages: see `environmentLockHash`. */
  readonly lockHash: string;
}

/** A file beside the code that says which packages it needs. */
export interface LockFile {
  /** Relative to the folder it was looked for in, with `/`. */
  readonly path: string;
  readonly sha256: string;
  /** Whether each requirement names one version. */
  readonly pinned: boolean;
}

export interface Gpu {
  readonly name: string;
  readonly driver: string | null;
  /** Absent where unknown. */
  readonly memoryBytes?: number;
}

export interface Container {
  readonly kind: 'docker' | 'podman' | 'singularity' | 'kubernetes' | 'other';
  readonly image: string | null;
  /** `sha256:…` of the image, where it is known. */
  readonly digest: string | null;
}

export type CheckLevel = 'error' | 'warning' | 'ignore';

/** One requirement of the environment spec against what was there. */
export interface EnvironmentCheck {
  readonly item: string;
  readonly required: string;
  readonly actual: string;
  readonly ok: boolean;
  /** What a mismatch means; a warning where it is absent, as in older manifests. */
  readonly level?: CheckLevel;
}

/** What was captured about a run before its first step. */
export interface Provenance {
  readonly capturedAt: number;
  readonly versions: {
    readonly reprise: string;
    readonly node: string;
    readonly electron: string | null;
    readonly v8: string;
    readonly onnxruntime: string;
  };
  readonly os: { readonly platform: string; readonly release: string; readonly arch: string; readonly name: string };
  readonly cpu: { readonly model: string; readonly cores: number; readonly flags: readonly string[] };
  readonly memoryBytes: number;
  readonly gpus: readonly Gpu[];
  /** SHA-256 of Reprise's own package-lock.json, or null where the packaged app has none. */
  readonly lockfileHash: string | null;
  readonly git: GitState | null;
  /** Null where the files could not be captured, absent in manifests written before they were. */
  readonly code?: CodeSnapshot | null;
  /** Environment spec against this machine: one entry per required item. */
  readonly environmentCheck: readonly EnvironmentCheck[];
  // All below is absent in manifests written before it was captured.
  /** Highest version of CUDA that the driver supports; null where there is none. */
  readonly cuda?: string | null;
  /** Null outside of a container. */
  readonly container?: Container | null;
  /** Of a run that goes to a container of a named image: what it is to have, whatever the name means by then. */
  readonly image?: ImageRef;
  /** Of a command that starts Python; null where it starts none or could not be asked. */
  readonly python?: PythonEnvironment | null;
  readonly lockFiles?: readonly LockFile[];
  /** Variables of a list that can change numbers, as the command gets them, without secrets. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What could not be captured, one sentence each. */
  readonly problems: readonly string[];
}
