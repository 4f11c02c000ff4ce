/** Whether this process runs in a container, and in which image. */
import { existsSync, readFileSync } from 'node:fs';
import type { Container } from '../events/provenance';
import { outputOf } from './machine';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Image and its id in the text of podman's /run/.containerenv. */
export function imageOfContainerenv(text: string): Pick<Container, 'image' | 'digest'> {
  const value = (key: string): string | null => new RegExp(`^${key}="([^"]+)"`, 'mu').exec(text)?.[1] ?? null;
  const id = value('imageid');
  return { image: value('image'), digest: id === null ? null : `sha256:${id.replace(/^sha256:/u, '')}` };
}

/** The container around this process; null where there is none. A digest is known only where the container tells it. */
export function findContainer(env: Readonly<Record<string, string | undefined>> = process.env): Container | null {
  const singularity = env['APPTAINER_CONTAINER'] ?? env['SINGULARITY_CONTAINER'];
  if (singularity !== undefined || existsSync('/.singularity.d')) return { kind: 'singularity', image: singularity?.split('/').at(-1) ?? null, digest: null };
  if (process.platform !== 'linux') return null;
  if (existsSync('/run/.containerenv')) return { kind: 'podman', ...imageOfContainerenv(read('/run/.containerenv')) };
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined) return { kind: 'kubernetes', image: null, digest: null };
  if (existsSync('/.dockerenv')) return { kind: 'docker', image: null, digest: null };
  return /(?:docker|containerd|lxc|libpod)/u.test(read('/proc/1/cgroup')) ? { kind: 'other', image: null, digest: null } : null;
}

/** The registry digest (`name@sha256:…`) of an image that Docker has here; null where it has none or Docker does not answer. */
export async function imageDigest(image: string): Promise<string | null> {
  if (/@sha256:[0-9a-f]{64}$/u.test(image)) return image;
  if (!/^[\w][\w./:@-]{0,300}$/u.test(image)) return null;
  const text = await outputOf('docker', ['image', 'inspect', '--format', '{{index .RepoDigests 0}}', '--', image]);
  return text !== null && /@sha256:[0-9a-f]{64}\s*$/u.test(text) ? text.trim() : null;
}
