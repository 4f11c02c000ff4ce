/** A machine as a person types it into the form. */
import type { Input } from '../../../src/api/contract';
import type { MachineView } from '../../../src/api/machines';

export type Kind = MachineView['kind'];

export const KINDS: readonly { readonly value: Kind; readonly label: string }[] = [
  { value: 'ssh', label: 'SSH' },
  { value: 'slurm', label: 'Slurm' },
  { value: 'docker', label: 'Docker' },
];

/** What the fields of the form hold, as text. */
export interface Draft {
  readonly kind: Kind;
  readonly name: string;
  /** `user@host:port`; empty where it is reached without SSH. */
  readonly ssh: string;
  /** The hosts that lead there, the nearest first. */
  readonly jump: string;
  readonly identity: string;
  /** Where Docker Engine listens; empty for the usual socket. */
  readonly host: string;
  readonly folder: string;
  readonly mostRuns: string;
  /** A line for each field of `executor`: `partition=gpu`. */
  readonly defaults: string;
}

export const EMPTY: Draft = { kind: 'ssh', name: '', ssh: '', jump: '', identity: '', host: '', folder: '', mostRuns: '', defaults: '' };

export type Host = Pick<Input<'machines.hostKey'>, 'host' | 'port' | 'user' | 'identityFile'>;

/** `[user@]host[:port]`; an address of IPv6 in brackets. Null where it is none. */
export function parseHost(text: string, identity: string): Host | null {
  const match = /^(?:(?<user>[^@\s]+)@)?(?:\[(?<six>[^\]]+)\]|(?<host>[^:@/\s]+))(?::(?<port>\d{1,5}))?$/u.exec(text.trim());
  const { user, six, host = six, port } = match?.groups ?? {};
  if (host === undefined) return null;
  return { host, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port: Number(port) }), ...(identity.trim() === '' ? {} : { identityFile: identity.trim() }) };
}

/** The hosts on the way, the machine's own last; null where one cannot be read. */
export function hostsOf({ ssh, jump, identity }: Draft): readonly Host[] | null {
  if (ssh.trim() === '') return [];
  const hosts = [...jump.split(/[\s,]+/u).filter((text) => text !== ''), ssh].map((text) => parseHost(text, identity));
  return hosts.every((host) => host !== null) ? hosts : null;
}

/** What reads as JSON is JSON, all else a text; a line without a value is named. */
function defaultsOf(text: string): { readonly fields: Readonly<Record<string, unknown>>; readonly problem: string | null } {
  const fields: Record<string, unknown> = {};
  for (const line of text.split('\n').map((each) => each.trim()).filter((each) => each !== '')) {
    const at = line.indexOf('=');
    if (at < 1) return { fields, problem: `${line} has no value: write FIELD=VALUE` };
    const value = line.slice(at + 1).trim();
    try {
      fields[line.slice(0, at).trim()] = JSON.parse(value);
    } catch {
      fields[line.slice(0, at).trim()] = value;
    }
  }
  return { fields, problem: null };
}

/** Why a draft is no machine yet, a sentence; null where it is one as far as can be seen here. */
export function obstacle(draft: Draft): string | null {
  if (draft.name.trim() === '') return 'Give it a name.';
  if (draft.kind === 'ssh' && draft.ssh.trim() === '') return 'Name the host, as user@host.';
  if (hostsOf(draft) === null) return 'Write hosts as user@host or user@host:port.';
  if (draft.mostRuns.trim() !== '' && !/^[1-9]\d*$/u.test(draft.mostRuns.trim())) return 'Runs at once is a whole number.';
  const { problem } = defaultsOf(draft.defaults);
  return problem === null ? null : `${problem}.`;
}

/** As `machines.json` describes it. @param keys of `hostsOf`, in its order */
export function machineOf(draft: Draft, keys: readonly string[]): Readonly<Record<string, unknown>> {
  const given = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim());
  const hosts = (hostsOf(draft) ?? []).map((host, index) => ({ ...host, hostKey: keys[index] ?? '' }));
  const own = hosts.at(-1);
  const defaults = defaultsOf(draft.defaults).fields;
  return JSON.parse(
    JSON.stringify({
      kind: draft.kind,
      host: draft.kind === 'docker' ? given(draft.host) : undefined,
      ssh: own === undefined ? undefined : { ...own, jump: hosts.slice(0, -1) },
      folder: draft.kind === 'docker' ? undefined : given(draft.folder),
      mostRuns: given(draft.mostRuns) === undefined ? undefined : Number(draft.mostRuns),
      defaults: Object.keys(defaults).length === 0 ? undefined : defaults,
    }),
  ) as Record<string, unknown>;
}
