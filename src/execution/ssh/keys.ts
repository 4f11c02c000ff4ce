/** What opens a host: the agent and private keys, never a password. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type AgentAuthMethod, type PublicKeyAuthMethod } from 'ssh2';
import { RepriseError } from '../../errors/errors';

/** Where OpenSSH looks when no key is named. */
const USUAL_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];
const WINDOWS_AGENT = String.raw`\\.\pipe\openssh-ssh-agent`;

export interface Openers {
  /** In the order in which they are tried. */
  readonly methods: readonly (AgentAuthMethod | PublicKeyAuthMethod)[];
  /** Files of keys that are encrypted: only the agent could use them. */
  readonly encrypted: readonly string[];
}

/**
 * @param identityFile private key; the usual ones of OpenSSH where it is null
 * @throws RepriseError SSH_KEY_UNREADABLE for a named key that cannot be read; SSH_KEY_ENCRYPTED, SSH_KEY_MISSING where nothing could open a host
 */
export async function openersOf(user: string, identityFile: string | null, env: NodeJS.ProcessEnv = process.env): Promise<Openers> {
  const methods: (AgentAuthMethod | PublicKeyAuthMethod)[] = [];
  const encrypted: string[] = [];
  const files = identityFile === null ? USUAL_KEYS.map((name) => join(homedir(), '.ssh', name)) : [inHome(identityFile)];
  for (const file of files) {
    const text = await readFile(file).catch((error: unknown) => {
      if (identityFile === null) return null;
      throw new RepriseError('SSH_KEY_UNREADABLE', `The private key ${file} cannot be read: ${wordsOf(error)}.`, { hint: 'Correct `identityFile` of the machine, or leave it out to use the agent.' });
    });
    if (text === null) continue;
    const parsed = ssh2.utils.parseKey(text);
    if (!(parsed instanceof Error)) methods.push({ type: 'publickey', username: user, key: text });
    else if (/encrypted/iu.test(parsed.message)) encrypted.push(file);
    else if (identityFile !== null) throw new RepriseError('SSH_KEY_UNREADABLE', `${file} is no private key that can be used: ${parsed.message}.`, { hint: 'Name a private key of OpenSSH, or leave `identityFile` out to use the agent.' });
  }
  const agent = env['SSH_AUTH_SOCK'] ?? (process.platform === 'win32' ? WINDOWS_AGENT : undefined);
  if (agent !== undefined && agent !== '') methods.push({ type: 'agent', username: user, agent });
  if (methods.length > 0) return { methods, encrypted };
  if (encrypted.length > 0) throw keyEncrypted(encrypted);
  throw new RepriseError('SSH_KEY_MISSING', `There is no key to open a host with: no agent runs, and ${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} not there.`, { hint: 'Make a key with ssh-keygen and put its public half on the host, or start an agent. Passwords are not used.' });
}

export function keyEncrypted(files: readonly string[]): RepriseError {
  return new RepriseError('SSH_KEY_ENCRYPTED', `The private key ${files.join(', ')} is protected by a passphrase, which Reprise does not ask for.`, { hint: `Give it to the agent first: ssh-add ${files[0] ?? ''}` });
}

function inHome(file: string): string {
  return file.startsWith('~/') ? join(homedir(), file.slice(2)) : file;
}

function wordsOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is not there' : error instanceof Error ? error.message : String(error);
}
