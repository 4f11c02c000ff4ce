/** Docker Engine as a place: what its containers compute on, and which image is meant. */
import os from 'node:os';
import path from 'node:path';
import type { ExecutorOf } from '../config/executor';
import type { MachineOf } from '../config/machine';
import { engineFacts, engineOf, type DockerOptions, type Engine } from '../execution/docker/client';
import { resolveImage } from '../execution/docker/image';
import { sshTunnel } from '../execution/ssh/tunnel';
import { describeMachine, findCuda, findGpus, outputOf } from '../provenance/machine';
import { onnxruntimeVersion } from '../provenance/runtime';
import { gigabytes, ok, warning, type Check } from './checks';
import { kit } from './machine-links';
import type { Look, Place } from './place';
import type { PlaceFacts } from './place-facts';

/** Bytes below which images soon find no room. */
const DISK_FLOOR = 2e9;

/** Of `docker info`, what is looked at. */
interface Info {
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly OperatingSystem: string;
  readonly KernelVersion: string;
  readonly Architecture: string;
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly Images: number;
  readonly Runtimes?: Readonly<Record<string, unknown>>;
}

/** Node's names of processors, by those of the kernel. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' };

export function dockerOptions(name: string | null, machine: MachineOf<'docker'> | null): DockerOptions {
  return { name, machine, kit, tunnel: sshTunnel };
}

/** Opens the engine for the time of some questions. */
async function asking<T>(options: DockerOptions, ask: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = engineOf(options);
  try {
    return await ask(engine);
  } finally {
    engine.close();
  }
}

/** Of the Node that trainings in containers run on; null where it does not run on this machine. */
async function kitVersions(): Promise<{ readonly node: string; readonly v8: string } | null> {
  const own = await kit().catch(() => null);
  const text = own === null ? null : await outputOf(path.join(own.folder, 'bin', 'node'), ['-p', 'JSON.stringify(process.versions)']);
  return text === null ? null : (JSON.parse(text) as { node: string; v8: string });
}

/** Containers of an engine of this machine compute on its processor; of another nothing is told but how many cores it has. */
async function factsOf(engine: Engine): Promise<PlaceFacts> {
  const { id } = await engineFacts(engine);
  const info = (await engine.docker.info()) as Info;
  const own = engine.isHere && process.platform === 'linux';
  const here = describeMachine();
  const [gpus, cuda, versions] = await Promise.all([own ? findGpus() : [], own ? findCuda() : null, kitVersions()]);
  return {
    versions: { node: versions?.node ?? 'unknown', v8: versions?.v8 ?? 'unknown', onnxruntime: onnxruntimeVersion() },
    os: { platform: 'linux', release: info.KernelVersion, arch: ARCHITECTURES[info.Architecture] ?? info.Architecture, name: info.OperatingSystem },
    cpu: own ? { ...here.cpu, flags: [...here.cpu.flags], cores: info.NCPU } : { model: `processor of the Docker Engine ${id}`, cores: info.NCPU, flags: [] },
    memoryBytes: info.MemTotal,
    gpus: gpus.map((gpu) => ({ ...gpu })),
    cuda,
  };
}

/** @param executor null where only the engine is asked for */
export function dockerPlace(options: DockerOptions, executor: ExecutorOf<'docker'> | null): Place {
  return {
    name: options.name ?? 'Docker on this machine',
    facts: () => asking(options, factsOf),
    image: () => (executor === null ? Promise.resolve(null) : resolveImage(options, executor)),
    // What is in an image its digest says.
    interpreter: () => Promise.resolve(null),
  };
}

/** @throws RepriseError DOCKER_… where the engine cannot be asked */
export function lookAtDocker(options: DockerOptions): Promise<Look> {
  return asking(options, async (engine) => {
    const { version, isRootless, isRemapped, clockOffset } = await engineFacts(engine);
    const before = performance.now();
    await engine.docker.ping();
    const latencyMs = performance.now() - before;
    const info = (await engine.docker.info()) as Info;
    const how = [...(isRootless ? ['rootless'] : []), ...(isRemapped ? ['with user namespaces'] : [])].join(', ');
    return {
      facts: await factsOf(engine),
      latencyMs,
      clockOffsetMs: clockOffset,
      checks: [
        ok('Docker Engine', `${version}${how === '' ? '' : `, ${how}`}; ${engine.address}`),
        ok('Storage', `${info.Driver} in ${info.DockerRootDir}, ${info.Images} ${info.Images === 1 ? 'image' : 'images'}`),
        ...(engine.isHere ? [await roomFor(info.DockerRootDir)] : []),
        ok('GPUs in containers', 'nvidia' in (info.Runtimes ?? {}) ? 'NVIDIA Container Toolkit' : 'no runtime for them'),
        await trainings(),
      ],
    };
  });
}

async function roomFor(folder: string): Promise<Check> {
  const { statfs } = await import('node:fs/promises');
  const system = await statfs(folder).catch(() => statfs(os.tmpdir()));
  const free = system.bavail * system.bsize;
  return free >= DISK_FLOOR ? ok('Disk', `${gigabytes(free)} free for images`) : warning('Disk', `${gigabytes(free)} free for images`, 'Free some space: `docker system prune` removes what nothing uses.');
}

/** Whether built-in trainings can go there. */
async function trainings(): Promise<Check> {
  const lacking = await kit().then(() => null, (error: unknown) => (error instanceof Error ? error.message : String(error)));
  return lacking === null ? ok('Built-in trainings', 'from the image that Reprise builds for them') : warning('Built-in trainings', lacking, 'Commands can run there; install Reprise again for trainings.');
}
