/** What is captured about a run before its first step, as it stands in `run.json`. */

export interface GitState {
  readonly commit: string | null;
  readonly branch: string | null;
  readonly remote: string | null;
  readonly dirty: boolean;
  /** `git diff HEAD --binary`, or null when clean; cut with a note in `problems` past the limit. */
  readonly patch: string | null;
  readonly untracked: readonly { readonly path: string; readonly bytes: number; readonly sha256: string; readonly content: string | null; readonly encoding?: 'utf8' | 'base64' }[];
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
  /** Environment spec against this machine: one entry per required item. */
  readonly environmentCheck: readonly { readonly item: string; readonly required: string; readonly actual: string; readonly ok: boolean }[];
  /** What could not be captured, one sentence each. */
  readonly problems: readonly string[];
}
