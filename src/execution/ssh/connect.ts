/** Connections by SSH: through the hosts that lead there, each known by its pinned key, each opened by keys or the agent. */
import { userInfo } from 'node:os';
import type { Duplex } from 'node:stream';
import { Client } from 'ssh2';
import type { Endpoint, SshEndpoint } from '../../config/machine';
import { RepriseError } from '../../errors/errors';
import { hostKeyOf, pinnedKey, signaturesOf, type HostKey } from './host-key';
import { keyEncrypted, openersOf } from './keys';

/** Of one host, for all that comes before the session is open. */
const READY_MS = 15_000;
/** A connection that is silent is asked for a sign of life so often; after so many without one it is gone. */
const SIGN_MS = 5000;
const SIGNS_MISSED = 3;
/** The types of keys that are asked for when none is pinned yet, as OpenSSH prefers them. */
const KEY_TYPES = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'];

/** A host before its key is known. */
export type UnknownHost = Omit<Endpoint, 'hostKey'>;
type Hop = UnknownHost & { readonly hostKey: string | null };

export interface SshConnection {
  readonly client: Client;
  /** Settles when it is gone, with why in words for people; never rejects. */
  readonly closed: Promise<string>;
  close(): void;
}

/**
 * Opens a session on the last host.
 * @throws RepriseError SSH_HOST_KEY_CHANGED, SSH_AUTHENTICATION_FAILED, SSH_KEY_… (kind `input`: a person has to change
 * something), SSH_UNREACHABLE (kind `system`)
 */
export async function connectSsh({ jump, ...target }: SshEndpoint, signal?: AbortSignal): Promise<SshConnection> {
  return openChain([...jump, target], signal);
}

/** The key that a host shows, before anything is told to it. @param jump hosts that lead there, known already */
export async function fetchHostKey(host: UnknownHost, jump: readonly Endpoint[] = []): Promise<HostKey> {
  const before = jump.length === 0 ? null : await openChain(jump);
  try {
    let shown: HostKey | null = null;
    const take = (blob: Buffer): boolean => {
      shown = hostKeyOf(blob);
      return false;
    };
    await openHop({ ...host, hostKey: null }, before === null ? null : await forward(before.client, host), take).then((client) => client.end(), (error: unknown) => {
      if (shown === null) throw error;
    });
    return shown!;
  } finally {
    before?.close();
  }
}

/** `alice@gpu.example:2222`; the usual port is not named. */
export function hostInWords({ user, host, port }: Pick<Endpoint, 'user' | 'host' | 'port'>): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === 22 ? '' : `:${port}`}`;
}

async function openChain(hops: readonly Hop[], signal?: AbortSignal): Promise<SshConnection> {
  const clients: Client[] = [];
  const close = (): void => {
    for (const client of [...clients].reverse()) client.end();
  };
  signal?.addEventListener('abort', close, { once: true });
  try {
    for (const hop of hops) {
      signal?.throwIfAborted();
      const before = clients.at(-1);
      clients.push(await openHop(hop, before === undefined ? null : await forward(before, hop), checkerOf(hop)));
    }
  } catch (error) {
    close();
    signal?.removeEventListener('abort', close);
    throw error;
  }
  const closed = Promise.race(clients.map((client, index) => goneOf(client, hops[index]!)));
  void closed.then(() => {
    signal?.removeEventListener('abort', close);
    close();
  });
  return { client: clients.at(-1)!, closed, close };
}

/** Whether a key is the pinned one; `shown` afterwards. */
interface Checker {
  (blob: Buffer): boolean;
  shown?: HostKey;
}

function checkerOf({ hostKey }: Hop): Checker {
  const check: Checker = (blob) => {
    check.shown = hostKeyOf(blob);
    return check.shown.key === hostKey;
  };
  return check;
}

async function openHop(hop: Hop, sock: Duplex | null, check: Checker): Promise<Client> {
  const { host, port, identityFile } = hop;
  const user = hop.user ?? userInfo().username;
  // Who only wants to see the key needs none to open it.
  const { methods, encrypted } = hop.hostKey === null ? { methods: [], encrypted: [] } : await openersOf(user, identityFile ?? null);
  const client = new Client();
  try {
    await new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.once('error', reject);
      client.once('close', () => reject(new Error('it closed the connection')));
      client.connect({
        ...(sock === null ? { host, port } : { sock }),
        username: user,
        hostVerifier: check,
        authHandler: [...methods],
        algorithms: { serverHostKey: (hop.hostKey === null ? KEY_TYPES : [pinnedKey(hop.hostKey).type]).flatMap(signaturesOf) as never },
        readyTimeout: READY_MS,
        keepaliveInterval: SIGN_MS,
        keepaliveCountMax: SIGNS_MISSED,
      });
    });
  } catch (error) {
    client.destroy();
    throw problemOf(error, hop, user, check, encrypted);
  }
  // What happens to it from now on, `closed` tells.
  client.on('error', () => undefined);
  return client;
}

function problemOf(error: unknown, hop: Hop, user: string, { shown }: Checker, encrypted: readonly string[]): unknown {
  if (error instanceof RepriseError) return error;
  const name = hostInWords(hop);
  const { level, message } = error as { readonly level?: string; readonly message: string };
  if (hop.hostKey !== null && shown !== undefined && shown.key !== hop.hostKey) {
    return new RepriseError('SSH_HOST_KEY_CHANGED', `${name} is not the host that was added: it shows the key ${shown.fingerprint}, and ${pinnedKey(hop.hostKey).fingerprint} is pinned. Nothing was sent to it.`, {
      hint: 'Somebody may be in between. Where the host was set up anew, remove the machine and add it again.',
    });
  }
  if (level === 'client-authentication') {
    if (encrypted.length > 0) return keyEncrypted(encrypted);
    return new RepriseError('SSH_AUTHENTICATION_FAILED', `${name} lets none of the keys in that are there for the user ${user}.`, { hint: `Put the public half of one into ~/.ssh/authorized_keys there (ssh-copy-id), or name the right one as identityFile. Passwords are not used.` });
  }
  if (/no matching host key/iu.test(message) && hop.hostKey !== null) {
    return new RepriseError('SSH_HOST_KEY_CHANGED', `${name} has no key of the type ${pinnedKey(hop.hostKey).type} any more, which is pinned. Nothing was sent to it.`, { hint: 'Where the host was set up anew, remove the machine and add it again.' });
  }
  return new RepriseError('SSH_UNREACHABLE', `${name} cannot be reached by SSH: ${message}.`, { kind: 'system', hint: 'Check its name and port, and the network.', cause: error });
}

function goneOf(client: Client, hop: Hop): Promise<string> {
  return new Promise((resolve) => {
    client.once('error', (error) => resolve(`the connection to ${hostInWords(hop)} broke: ${error.message}`));
    client.once('close', () => resolve(`the connection to ${hostInWords(hop)} was closed`));
  });
}

/** A stream through a host to the next. */
export function forward(client: Client, { host, port }: Pick<Endpoint, 'host' | 'port'>): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
      if (error === undefined) resolve(stream);
      else reject(new RepriseError('SSH_UNREACHABLE', `The host before it does not reach ${host}:${port}: ${error.message}.`, { kind: 'system', cause: error }));
    });
  });
}
