/** Which bundles the user said to trust, by digest: until the window closes. */
import { create } from 'zustand';

const useTrusted = create<{ readonly digests: ReadonlySet<string> }>(() => ({ digests: new Set() }));

export function useTrust(digest: string | null): boolean {
  return useTrusted(({ digests }) => digest !== null && digests.has(digest));
}

export function setTrust(digest: string, trusted: boolean): void {
  useTrusted.setState(({ digests }) => {
    const next = new Set(digests);
    if (trusted) next.add(digest);
    else next.delete(digest);
    return { digests: next };
  });
}
