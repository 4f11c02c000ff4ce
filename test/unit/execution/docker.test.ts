/** The parts of the Docker executor that need no engine. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { packed, packedFiles, unpackInto } from '../../../src/execution/docker/archive';
import { engineOf } from '../../../src/execution/docker/client';
import { containerOptions } from '../../../src/execution/docker/container';
import { endOf, type ContainerState } from '../../../src/execution/docker/end';
import { containerEnvironment } from '../../../src/execution/docker/environment';
import { digestIn, parseImageName, registryOf } from '../../../src/execution/docker/image-name';
import { logPieces } from '../../../src/execution/docker/logs';
import { containerUser } from '../../../src/execution/docker/ownership';
import { dockerProblem, isOutOfReach } from '../../../src/execution/docker/problems';
import { PullProgress, throttled } from '../../../src/execution/docker/progress';
import { registryLogin } from '../../../src/execution/docker/registry-login';
import { volumeMounts } from '../../../src/execution/docker/volumes';
import { secretsOf } from '../../../src/execution/secrets';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'reprise-docker-unit-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe('names of images', () => {
  it.each([
    ['busybox', 'busybox', 'latest', null],
    ['pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime', 'pytorch/pytorch', '2.0.0-cuda11.7-cudnn8-runtime', null],
    ['127.0.0.1:5000/lab/tools', '127.0.0.1:5000/lab/tools', 'latest', null],
    ['registry:5000/a:b@sha256:cd', 'registry:5000/a', 'b', 'sha256:cd'],
  ])('%s', (name, repository, tag, digest) => expect(parseImageName(name)).toEqual({ repository, tag, digest }));

  it('know their digest among those of other repositories, and their registry', () => {
    expect(digestIn(['other/box@sha256:1', 'box@sha256:2'], 'docker.io/library/box')).toBe('sha256:2');
    expect(digestIn(['other/box@sha256:1'], 'box')).toBeNull();
    expect(['box', 'lab/box', 'localhost/box', 'r.example:5/box'].map(registryOf)).toEqual(['https://index.docker.io/v1/', 'https://index.docker.io/v1/', 'localhost', 'r.example:5']);
  });

  it('are opened by the login that Docker knows', async () => {
    const settings = folder();
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('DOCKER_CONFIG', settings);
    expect(await registryLogin('r.example/box')).toBeNull();
    writeFileSync(join(settings, 'config.json'), JSON.stringify({ auths: { 'r.example': { auth: Buffer.from('ada:pass:word').toString('base64') } } }));
    expect(await registryLogin('r.example/box')).toEqual({ username: 'ada', password: 'pass:word', serveraddress: 'r.example' });
    expect(await registryLogin('box')).toBeNull();
  });
});

describe('the output of a container', () => {
  const frame = (kind: number, text: string): Buffer => {
    const header = Buffer.from([kind, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const bytes = Buffer.concat([frame(1, '2026-11-23T16:00:00.123456789Z größe\n'), frame(2, '2026-11-23T16:00:01.000000000Z \n'), frame(1, '2026-11-23T16:00:02.5Z half of a line')]);

  it.each([1, 3, 7, 64, 1000])('is the same however it is cut (%i bytes)', async (size) => {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
    const pieces = [];
    for await (const { stream, time, bytes: content } of logPieces(Readable.from(chunks))) pieces.push([stream, time, content.toString()]);
    const start = Date.parse('2026-11-23T16:00:00Z');
    expect(pieces).toEqual([['stdout', start + 123, 'größe\n'], ['stderr', start + 1000, '\n'], ['stdout', start + 2500, 'half of a line']]);
  });
});

describe('the end of a container', () => {
  const state = (more: Partial<ContainerState>): ContainerState => ({ ExitCode: 0, OOMKilled: false, StartedAt: '2026-11-23T16:00:00.5Z', FinishedAt: '2026-11-23T16:00:02Z', ...more }) as ContainerState;
  const seen = { signals: [], died: true };

  it('is what its engine says, and no more', () => {
    expect(endOf(state({}), seen, null)).toMatchObject({ reason: 'ended', exitCode: 0, signal: null, message: null });
    expect(endOf(state({ ExitCode: 137 }), seen, null)).toMatchObject({ reason: 'ended', exitCode: 137, signal: null, message: null });
    expect(endOf(state({ ExitCode: 137 }), { signals: ['SIGTERM', 'SIGKILL'], died: true }, null)).toMatchObject({ reason: 'ended', exitCode: null, signal: 'SIGKILL', message: 'The container was ended from outside, by SIGKILL.' });
    expect(endOf(state({ ExitCode: 143 }), { signals: ['SIGTERM'], died: true }, 'time-limit')).toMatchObject({ reason: 'time-limit', signal: 'SIGTERM', message: null });
  });

  it('is by too much memory where that ended it, and not where the program got over it', () => {
    expect(endOf(state({ ExitCode: 137, OOMKilled: true }), seen, null)).toMatchObject({ reason: 'out-of-memory', exitCode: null, signal: 'SIGKILL' });
    expect(endOf(state({ ExitCode: 0, OOMKilled: true }), seen, null)).toMatchObject({ reason: 'ended', exitCode: 0 });
  });

  it('is that of its engine where that did not see it end', () => {
    expect(endOf(state({ ExitCode: 255 }), { signals: [], died: false }, null)).toMatchObject({ reason: 'interrupted', exitCode: 255 });
    expect(endOf(state({ ExitCode: 143 }), { signals: [], died: false }, 'cancelled')).toMatchObject({ reason: 'cancelled' });
  });
});

describe('what a container is made with', () => {
  const plan = { image: 'sha256:1', command: ['sh', '-c', 'echo $1'], cwd: '/work', env: { A: 'b\nc=$(d)' }, user: '1000:1000', ownIds: false, mounts: [], labels: { x: 'ä "y"' } };

  it('has no network, no swap and no GPU unless it is asked for', () => {
    const { HostConfig, ...rest } = containerOptions(plan, { threads: 2, memory: '1g' });
    expect(rest).toEqual({ Image: 'sha256:1', Entrypoint: ['sh'], Cmd: ['-c', 'echo $1'], WorkingDir: '/work', Env: ['A=b\nc=$(d)'], Labels: { x: 'ä "y"' }, User: '1000:1000' });
    expect(HostConfig).toMatchObject({ NetworkMode: 'none', Init: true, NanoCpus: 2e9, Memory: 2 ** 30, MemorySwap: 2 ** 30, DeviceRequests: [], Ulimits: [] });
  });

  it('has what is asked for', () => {
    const { HostConfig } = containerOptions(plan, { threads: 1, sharedMemory: '64m', ulimits: { nofile: 1024, memlock: { soft: -1, hard: -1 } }, gpus: ['GPU-1'], network: 'host' });
    expect(HostConfig).toMatchObject({ NetworkMode: 'host', ShmSize: 64 * 2 ** 20, Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }, { Name: 'memlock', Soft: -1, Hard: -1 }], DeviceRequests: [{ DeviceIDs: ['GPU-1'], Capabilities: [['gpu']] }] });
    expect([containerOptions(plan, { threads: 1, gpus: 'all' }), containerOptions(plan, { threads: 1, gpus: 2 })].map((options) => options.HostConfig?.DeviceRequests?.[0]?.Count)).toEqual([-1, 2]);
  });

  it('hears the task before the executor, and both before what was recorded of here', () => {
    const env = containerEnvironment({ places: { HOME: '/h' }, order: { OMP_NUM_THREADS: '4', PYTHONPATH: '/here', MODE: 'task' }, executor: { env: { PYTHONPATH: '/workspace', MODE: 'executor' } }, task: { MODE: 'task' }, secrets: { TOKEN: 't' } });
    expect(env).toEqual({ HOME: '/h', OMP_NUM_THREADS: '4', PYTHONPATH: '/workspace', MODE: 'task', TOKEN: 't' });
    expect(() => secretsOf({ kind: 'docker', threads: 1, secrets: ['NOT_SET_ANYWHERE'] }, {})).toThrow(expect.objectContaining({ code: 'SECRET_MISSING' }) as Error);
  });

  it('mounts volumes read-only unless it is said', () => {
    const here = folder();
    mkdirSync(join(here, 'data'));
    expect(volumeMounts(['./data:/data', `${here}:/all:rw`], here, true)).toEqual([{ Type: 'bind', Source: join(here, 'data'), Target: '/data', ReadOnly: true }, { Type: 'bind', Source: here, Target: '/all', ReadOnly: false }]);
    expect(volumeMounts(['/there:/data'], null, false)).toEqual([{ Type: 'bind', Source: '/there', Target: '/data', ReadOnly: true }]);
    expect(() => volumeMounts(['./nothing:/data'], here, true)).toThrow(expect.objectContaining({ code: 'VOLUME_MISSING' }) as Error);
    expect(() => volumeMounts(['./data:/data'], null, true)).toThrow(expect.objectContaining({ code: 'VOLUME_RELATIVE' }) as Error);
    expect(() => volumeMounts(['./data:/data'], here, false)).toThrow(expect.objectContaining({ code: 'VOLUME_RELATIVE' }) as Error);
  });

  it('runs as the caller, as the root of a rootless engine, or as who is named', () => {
    const engine = { id: '', name: '', version: '', isRootless: false, isRemapped: false, clockOffset: 0 };
    const own = `${process.getuid?.()}:${process.getgid?.()}`;
    expect(containerUser(undefined, engine)).toMatchObject({ name: own, isCaller: true });
    expect(containerUser(undefined, { ...engine, isRootless: true })).toMatchObject({ name: '0:0', isCaller: true });
    expect(containerUser('4321', engine)).toEqual({ name: '4321', owner: { uid: 4321, gid: 0 }, isCaller: false });
    expect(containerUser('nobody', engine)).toMatchObject({ name: 'nobody', isCaller: false });
  });
});

describe('an archive', () => {
  it('brings files, folders and links there and back', async () => {
    const here = folder();
    mkdirSync(join(here, 'from', 'deep'), { recursive: true });
    writeFileSync(join(here, 'from', 'deep', 'file'), 'größe', { mode: 0o755 });
    writeFileSync(join(here, 'from', 'empty'), '');
    symlinkSync('deep/file', join(here, 'from', 'link'));
    mkdirSync(join(here, 'to'));
    writeFileSync(join(here, 'to', 'empty'), 'was not');
    await unpackInto(join(here, 'to'), packed([{ source: join(here, 'from'), name: 'top' }], { uid: 1, gid: 2 }));
    expect(['deep/file', 'empty', 'link'].map((name) => readFileSync(join(here, 'to', name), 'utf8'))).toEqual(['größe', '', 'größe']);
  });

  it('of the same files has the same bytes', async () => {
    async function* files() {
      yield { name: 'a', bytes: Buffer.from('x'), mode: 0o644 };
    }
    const bytes = async (): Promise<string> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of packedFiles(files())) chunks.push(chunk as Uint8Array);
      return Buffer.concat(chunks).toString('hex');
    };
    expect(await bytes()).toBe(await bytes());
  });

  it.each(['top/../../outside', 'top/link/inside'])('writes nothing outside (%s)', async (name) => {
    const here = folder();
    mkdirSync(join(here, 'to'));
    mkdirSync(join(here, 'own'));
    symlinkSync(join(here, 'own'), join(here, 'to', 'link'));
    const archive = pack();
    archive.entry({ name }, 'evil');
    archive.finalize();
    await expect(unpackInto(join(here, 'to'), archive as unknown as Readable)).rejects.toMatchObject({ code: 'ARCHIVE_UNSAFE' });
    expect(existsSync(join(here, 'outside')) || existsSync(join(here, 'own', 'inside'))).toBe(false);
  });
});

describe('an engine', () => {
  const tunnel = (): never => {
    throw new Error('no SSH is asked for');
  };
  it.each([
    ['ftp://x', 'DOCKER_ADDRESS'],
    ['tcp://192.0.2.1:2375', 'DOCKER_NOT_ENCRYPTED'],
  ])('at %s is refused: %s', (host, code) => {
    expect(() => engineOf({ machine: { kind: 'docker', host, defaults: {} }, tunnel })).toThrow(expect.objectContaining({ code }) as Error);
  });

  it('that cannot be asked is told from one that says no', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const no = Object.assign(new Error('(HTTP code 500) server error - no room '), { statusCode: 500 });
    expect([isOutOfReach(refused), isOutOfReach(no)]).toEqual([true, false]);
    expect(dockerProblem(refused, 'unix:///x', 'It')).toMatchObject({ code: 'DOCKER_UNREACHABLE', message: 'Docker Engine cannot be reached at unix:///x: connect ECONNREFUSED.' });
    expect(dockerProblem(no, 'unix:///x', 'It failed')).toMatchObject({ code: 'DOCKER_REFUSED', message: 'It failed: Docker Engine says: no room' });
    expect(dockerProblem(Object.assign(new Error('x'), { code: 'EACCES' }), 'unix:///x', 'It')).toMatchObject({ code: 'DOCKER_DENIED' });
  });

  it('tells of a pull now and then', () => {
    let now = 0;
    const told: string[] = [];
    const say = throttled((text) => told.push(text), () => now);
    const progress = new PullProgress();
    for (const current of [1e6, 2e6, 3e6]) {
      now += 3000;
      progress.see({ id: 'layer', status: 'Downloading', progressDetail: { current, total: 4e6 } });
      say(() => progress.text);
    }
    progress.see({ id: 'layer', status: 'Pull complete' });
    expect(told).toEqual(['2.0 of 4.0 MB']);
    expect(progress.text).toBe('4.0 of 4.0 MB');
  });
});
