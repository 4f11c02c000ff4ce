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

/** The files of the code as they were: see src/events/snapshot.ts. */
export interface CodeSnapshot {
  /** SHA-256 of the snapshot object: the identity of the code state. */
  readonly snapshot: string;
  /** The config's folder in it, with `/`; empty where that is the top. */
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
  /** What is not in it and why, the first 200. */
  readonly withheld: readonly { readonly path: string; readonly note: string }[];
  /** False where something is missing. */
  readonly complete: boolean;
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
  readonly gpus: readonly { readonly name: string; readonly driver: string | null }[];
  /** SHA-256 of Reprise's own package-lock.json, or null where the packaged app has none. */
  readonly lockfileHash: string | null;
  readonly git: GitState | null;
  /** Null where the files could not be captured, absent in manifests written before they were. */
  readonly code?: CodeSnapshot | null;
  /** Environment spec against this machine: one entry per required item. */
  readonly environmentCheck: readonly { readonly item: string; readonly required: string; readonly actual: string; readonly ok: boolean }[];
  /** What could not be captured, one sentence each. */
  readonly problems: readonly string[];
}
