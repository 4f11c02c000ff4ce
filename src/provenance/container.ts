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

/** Options of `docker run` without a value of their own. */
const FLAGS = /^(?:-[ditPq]+|--(?:rm|init|detach|interactive|tty|privileged|read-only|publish-all|quiet|no-healthcheck|oom-kill-disable|sig-proxy|disable-content-trust|help))$/u;

/** The image that a command starts by `docker run` or `podman run`; null where it starts none. */
export function imageOfCommand(command: readonly string[]): { readonly kind: 'docker' | 'podman'; readonly image: string } | null {
  const [program = '', verb, ...args] = command;
  const kind = /(?:^|[\\/])(docker|podman)(?:\.exe)?$/u.exec(program)?.[1] as 'docker' | 'podman' | undefined;
  if (kind === undefined || verb !== 'run') return null;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (!arg.startsWith('-')) return { kind, image: arg };
    if (!FLAGS.test(arg) && !arg.includes('=')) at += 1;
  }
  return null;
}

/** The digest (`sha256:…`) of an image: its own where it is named by one, else that of its registry, if the program has it here. */
async function digestOf({ kind, image }: { readonly kind: 'docker' | 'podman'; readonly image: string }): Promise<string | null> {
  const named = /@(sha256:[0-9a-f]{64})$/u.exec(image)?.[1];
  if (named !== undefined || !/^\w[\w./:@-]{0,300}$/u.test(image)) return named ?? null;
  const text = await outputOf(kind, ['image', 'inspect', '--format', '{{index .RepoDigests 0}}', image]);
  return /@(sha256:[0-9a-f]{64})\s*$/u.exec(text ?? '')?.[1] ?? null;
}

/** The container that a command starts; null where it starts none. */
export async function containerOfCommand(command: readonly string[]): Promise<Container | null> {
  const started = imageOfCommand(command);
  return started === null ? null : { ...started, digest: await digestOf(started) };
}
