/** Names of images: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. */

export interface ImageName {
  /** With its registry, as the name has it. */
  readonly repository: string;
  /** `latest` where the name says nothing. */
  readonly tag: string;
  readonly digest: string | null;
}

export function parseImageName(name: string): ImageName {
  const [rest = '', digest] = name.split('@');
  // A colon before a slash belongs to the port of a registry.
  const colon = rest.lastIndexOf(':');
  const isTag = colon > rest.lastIndexOf('/');
  return { repository: isTag ? rest.slice(0, colon) : rest, tag: isTag ? rest.slice(colon + 1) : 'latest', digest: digest ?? null };
}

/** Docker leaves out what Docker Hub's names have in common. */
const short = (repository: string): string => repository.replace(/^(?:index\.)?docker\.io\//u, '').replace(/^library\//u, '');

/** The digest of a repository among an image's `REPOSITORY@DIGEST`; null where it has none there. */
export function digestIn(repoDigests: readonly string[], repository: string): string | null {
  for (const entry of repoDigests) {
    const [of = '', digest] = entry.split('@');
    if (short(of) === short(repository)) return digest ?? null;
  }
  return null;
}

/** Host of the registry that a name leads to, as Docker's own settings have it. */
export function registryOf(repository: string): string {
  const [first = ''] = repository.split('/');
  return repository.includes('/') && (/[.:]/u.test(first) || first === 'localhost') ? first.replace(/^docker\.io$/u, HUB) : HUB;
}

const HUB = 'https://index.docker.io/v1/';
