/** Keys by which hosts are known, in the form of OpenSSH's known_hosts. */
import { createHash } from 'node:crypto';

export interface HostKey {
  /** `TYPE BASE64`: what is pinned. */
  readonly key: string;
  /** `ssh-ed25519` */
  readonly type: string;
  /** As OpenSSH shows it: `SHA256:…`. */
  readonly fingerprint: string;
}

/** @param blob the key as it travels: its type, with its length before it (RFC 4253, 6.6), and its numbers */
export function hostKeyOf(blob: Buffer): HostKey {
  const type = blob.toString('latin1', 4, 4 + blob.readUInt32BE(0));
  const fingerprint = createHash('sha256').update(blob).digest('base64').replace(/=+$/u, '');
  return { key: `${type} ${blob.toString('base64')}`, type, fingerprint: `SHA256:${fingerprint}` };
}

/** A pinned key. A damaged one matches no key of a host. */
export function pinnedKey(key: string): HostKey {
  const [type = '', base64 = ''] = key.split(' ');
  const fingerprint = createHash('sha256').update(Buffer.from(base64, 'base64')).digest('base64').replace(/=+$/u, '');
  return { key, type, fingerprint: `SHA256:${fingerprint}` };
}

/** Signatures that keys of this type make. Only these are offered to a host: it would else show another of its keys. */
export function signaturesOf(type: string): string[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'] : [type];
}
