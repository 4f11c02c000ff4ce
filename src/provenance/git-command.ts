/**
 * Runs git on a repository that nobody vouches for: nothing that its config names is executed, nothing is asked,
 * nothing is fetched and nothing is written to it.
 */
import { simpleGit } from 'simple-git';
import { RepriseError } from '../errors/errors';
import { withoutPaths } from './sentences';

/** Milliseconds of silence after which git is ended. */
const SILENCE_LIMIT_MS = 20_000;

/** Variables of git that are the user's own and tell where git and its settings are. All other GIT_* are dropped: they may name another repository. */
const KEPT = ['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM', 'GIT_CEILING_DIRECTORIES', 'GIT_DISCOVERY_ACROSS_FILESYSTEM', 'GIT_EXEC_PATH'];

const OWN: Readonly<Record<string, string>> = {
  GIT_TERMINAL_PROMPT: '0',
  // No refreshed index is written back.
  GIT_OPTIONAL_LOCKS: '0',
  // In a partial clone git would fetch what is missing, through a command that the repository names.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: 'none',
  LC_ALL: 'C',
  LANGUAGE: 'C',
};

/** Names that simple-git refuses to pass on, because git starts what they name. */
const PROGRAMS = new Set(['editor', 'visual', 'pager', 'prefix', 'ssh_askpass']);

function environment(): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    const upper = name.toUpperCase();
    if (value === undefined || PROGRAMS.has(name.toLowerCase()) || (upper.startsWith('GIT_') && !KEPT.includes(upper))) continue;
    result[name] = value;
  }
  return { ...result, ...OWN };
}

const CONFIG = ['core.fsmonitor=false', `core.hooksPath=${process.platform === 'win32' ? 'NUL' : '/dev/null'}`, 'core.quotePath=true'];

/** Why git could not answer: a sentence for the provenance's problems. */
export class GitUnavailable extends RepriseError {
  constructor(message: string, cause?: unknown) {
    super('GIT_UNAVAILABLE', message, { kind: 'system', cause });
  }
}

export interface GitCommand {
  /** Standard output as UTF-8. @throws GitUnavailable */
  text(args: readonly string[], input?: string): Promise<string>;
  /** Standard output as bytes; past `limit` bytes git is ended and the answer is null. @throws GitUnavailable */
  bytes(args: readonly string[], limit: number): Promise<Buffer | null>;
  /** The same, with more settings (`key=value`) for every command. */
  with(settings: readonly string[]): GitCommand;
}

/** git in a folder. @throws GitUnavailable where the folder does not exist */
export function gitIn(folder: string, settings: readonly string[] = []): GitCommand {
  const open = (abort?: AbortSignal, input?: string): ReturnType<typeof simpleGit> => {
    const env = environment();
    return simpleGit({
      baseDir: folder,
      config: [...CONFIG, ...settings],
      timeout: { block: SILENCE_LIMIT_MS },
      // Output comes with the close of the pipes; waiting for more after the exit would only cost time.
      completion: { onClose: true, onExit: false },
      allowEnvironment: Object.keys(env).filter((name) => name.toUpperCase().startsWith('GIT_')),
      unsafe: { allowUnsafeFsMonitor: true, allowUnsafeHooksPath: true, allowUnsafeFilter: true, allowUnsafeConfigPaths: true, allowUnsafeExec: true },
      ...(abort === undefined ? {} : { abort }),
      ...(input === undefined ? {} : { input: () => input }),
    }).env(env);
  };
  return {
    text: async (args, input) => {
      try {
        return await open(undefined, input).raw([...args]);
      } catch (error) {
        throw unavailable(error);
      }
    },
    bytes: async (args, limit) => {
      const ended = new AbortController();
      const chunks: Buffer[] = [];
      let size = 0;
      try {
        await open(ended.signal)
          .outputHandler((_command, stdout) => {
            stdout.on('data', (chunk: Buffer) => {
              size += chunk.length;
              if (size > limit) ended.abort();
              else chunks.push(chunk);
            });
          })
          .raw([...args]);
      } catch (error) {
        if (ended.signal.aborted) return null;
        throw unavailable(error);
      }
      return size > limit ? null : Buffer.concat(chunks);
    },
    with: (more) => gitIn(folder, [...settings, ...more]),
  };
}

function unavailable(error: unknown): GitUnavailable {
  const message = error instanceof Error ? error.message : String(error);
  if (/spawn git ENOENT|spawn git EACCES/u.test(message)) return new GitUnavailable('git is not installed, so the code state is not recorded.', error);
  if (/dubious ownership/u.test(message)) {
    return new GitUnavailable("git refuses the repository of the config's folder because another user owns it (git's setting safe.directory allows it), so the code state is not recorded.", error);
  }
  if (/not a git repository|must be run in a work tree/iu.test(message)) return new GitUnavailable("The config's folder is in no git repository, so the code state is not recorded.", error);
  if (/directory that does not exist/u.test(message)) return new GitUnavailable("The config's folder does not exist, so no code state is recorded.", error);
  if (/block timeout/u.test(message)) return new GitUnavailable(`git did not answer within ${String(SILENCE_LIMIT_MS / 1000)} s, so the code state is not recorded.`, error);
  const reason = message.trim().split('\n').find((line) => line.trim() !== '')?.trim() ?? 'no reason given';
  return new GitUnavailable(`git failed (${withoutPaths(reason)}), so the code state is not recorded.`, error);
}
