/** A remote's address as it may be shown to others. */

/**
 * The address without user name (for ssh:// only without password), password, query and fragment: any of them may
 * hold a token. Forms without a scheme (`git@host:path`, a folder) are kept. Null where nothing safe is left, as for
 * a helper's command (`ext::…`).
 */
export function withoutCredentials(url: string): string | null {
  if (/^[A-Za-z0-9+.-]+::/u.test(url)) return null;
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/su.exec(url);
  const [scheme, rest] = [match?.[1], match?.[2]];
  // scp-like addresses have no password, but `user:password@host:path` is a mistake people make.
  if (scheme === undefined || rest === undefined) return /^[^/@]*:[^/@]*@(.+)$/su.exec(url)?.[1] ?? url;
  const authority = /^[^/?#]*/u.exec(rest)?.[0] ?? '';
  if (!authority.includes('@') && rest.includes('@') && !/^[^:]*(?::\d*)?$|^\[[^\]]*\](?::\d*)?$/u.test(authority)) {
    // No host and port: an unescaped / ? or # stands in the password, and the host comes after the last @.
    return address(scheme, rest.slice(rest.lastIndexOf('@') + 1));
  }
  const at = authority.lastIndexOf('@');
  const user = authority.slice(0, Math.max(at, 0)).split(':')[0] ?? '';
  const keepsUser = user !== '' && /^(?:ssh|git\+ssh|ssh\+git)$/iu.test(scheme);
  return address(scheme, `${keepsUser ? `${user}@` : ''}${rest.slice(at + 1)}`);
}

function address(scheme: string, rest: string): string | null {
  const plain = rest.split(/[?#]/u)[0] ?? '';
  return plain === '' ? null : `${scheme}://${plain}`;
}
