/** What systems and tools print, as it is read. */
import { describe, expect, it, test } from 'vitest';
import { containerOfCommand, imageOfCommand, imageOfContainerenv } from '../../../src/provenance/container';
import { staysInside } from '../../../src/provenance/inside';
import { isPinnedConda, isPinnedRequirements } from '../../../src/provenance/lock-files';
import { cudaOfNvidiaSmi, gpusOfNvidiaSmi } from '../../../src/provenance/machine';
import { gpuValues, networkOf, parsePs, parseStat, treeOf, type ProcessFacts } from '../../../src/provenance/resources';
import { recordedVariables } from '../../../src/provenance/variables';

describe('nvidia-smi', () => {
  it('names GPUs, their memory and the CUDA of the driver', () => {
    expect(gpusOfNvidiaSmi('NVIDIA H100 80GB HBM3, 550.54.15, 81559\nTesla T4, 550.54.15, [N/A]\n')).toEqual([
      { name: 'NVIDIA H100 80GB HBM3', driver: '550.54.15', memoryBytes: 81_559 * 2 ** 20 },
      { name: 'Tesla T4', driver: '550.54.15' },
    ]);
    expect(cudaOfNvidiaSmi('| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |\n')).toBe('12.4');
    expect(cudaOfNvidiaSmi('NVIDIA-SMI has failed because it could not communicate with the driver.')).toBeNull();
  });

  it('tells use, memory, power and temperature, as far as a GPU does', () => {
    expect(gpuValues('0, 97, 40536, 412.34, 61\n1, [N/A], 12, [Not Supported], 40\n\nNo devices were found\n')).toEqual({
      'system/gpu.0': 97,
      'system/gpu.0.memory': 40_536 * 2 ** 20,
      'system/gpu.0.power': 412.34,
      'system/gpu.0.temperature': 61,
      'system/gpu.1.memory': 12 * 2 ** 20,
      'system/gpu.1.temperature': 40,
    });
  });
});

describe('processes', () => {
  const process = (pid: number, parent: number, group: number): ProcessFacts => ({ pid, parent, group, start: '1', cpuSeconds: 0, cpuPercent: null });

  it('make a tree by descent and by group, each once', () => {
    const all = [process(1, 0, 1), process(10, 1, 10), process(11, 10, 10), process(12, 11, 12), process(13, 1, 10), process(14, 13, 14), process(20, 1, 20)];
    expect(treeOf(10, all).map(({ pid }) => pid).sort()).toEqual([10, 11, 12, 13, 14]);
    expect(treeOf(99, all)).toEqual([]);
  });

  it('are read from /proc, whatever they are called', () => {
    const fields = 'S 5 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 12345 1000 200';
    expect(parseStat(`42 (a) b (c)) ${fields}`)).toEqual({ pid: 42, parent: 5, group: 7, start: '12345', cpuSeconds: 3, cpuPercent: null });
    expect(parseStat('')).toBeNull();
    expect(parseStat('42 (x')).toBeNull();
  });

  it('are read from ps, with either decimal sign', () => {
    expect(parsePs('  501   1  501  12.5  2048\n 502 501  501   0,3   100\nodd line\n')).toEqual([
      { process: { pid: 501, parent: 1, group: 501, start: '', cpuSeconds: null, cpuPercent: 12.5 }, rss: 2048 * 1024 },
      { process: { pid: 502, parent: 501, group: 501, start: '', cpuSeconds: null, cpuPercent: 0.3 }, rss: 100 * 1024 },
    ]);
  });

  it('share a network, of which loopback is none', () => {
    const text = 'Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n  eth0:1000 1 0 0 0 0 0 0 50 1 0 0 0 0 0 0\n wlan0: 10 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n';
    expect(networkOf(text)).toEqual({ received: 1010, sent: 55 });
  });
});

describe('lock files', () => {
  test.each([
    ['numpy==1.26.4\ntorch == 2.5.1 ; python_version >= "3.9"\n', true],
    ['# comment\n-i https://example.org/simple\nnumpy==1.26.4 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n', true],
    ['scikit-learn[alldeps]==1.5.0  # note\n', true],
    [`tool @ git+https://example.org/tool@${'a'.repeat(40)}\n`, true],
    ['tool @ git+https://example.org/tool@main\n', false],
    ['numpy\n', false],
    ['numpy>=1.26\n', false],
    ['numpy==1.*\n', false],
    ['numpy==1.26.4\ntorch\n', false],
    ['-r other.txt\n', false],
    ['-e .\n', false],
    ['', false],
  ])('%j is pinned: %s', (text, pinned) => {
    expect(isPinnedRequirements(text)).toBe(pinned);
  });

  test.each([
    ['name: x\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.11.7\n  - numpy=1.26.4=py311\n  - pip:\n    - torch==2.5.1\n', true],
    ['dependencies:\n  - python=3.11\n  - numpy\n', false],
    ['dependencies:\n  - python>=3.11\n', false],
    ['name: x\n', false],
  ])('conda: %j is pinned: %s', (text, pinned) => {
    expect(isPinnedConda(text)).toBe(pinned);
  });
});

describe('links', () => {
  test.each([
    ['a', 'b', true], ['a/b', '../c', true], ['a/b', './x/../c', false], ['a', '../c', false], ['a/b/c', '../../x', true], ['a/b/c', '../../../x', false],
    ['a', '/etc', false], ['a', 'C:/x', false], ['a', '..\\x', false], ['a', '', false], ['a/b', '..', true], ['a', '.', true],
  ])('%s → %s stays inside: %s', (name, target, inside) => {
    expect(staysInside(name, target)).toBe(inside);
  });
});

describe('surroundings', () => {
  it("reads podman's image", () => {
    expect(imageOfContainerenv('engine="podman-4.9.3"\nname="x"\nid="ab"\nimage="docker.io/library/python:3.11"\nimageid="1f2e"\n')).toEqual({ image: 'docker.io/library/python:3.11', digest: 'sha256:1f2e' });
    expect(imageOfContainerenv('')).toEqual({ image: null, digest: null });
  });

  it('finds the image that a command starts', async () => {
    const find = (line: string): unknown => imageOfCommand(line.split(' '));
    expect(find('docker run --rm -it -v /a:/b --gpus all --env=A=1 python:3.11 python x.py')).toEqual({ kind: 'docker', image: 'python:3.11' });
    expect(find('/usr/bin/podman run -d --name x lab/train@sha256:ab')).toEqual({ kind: 'podman', image: 'lab/train@sha256:ab' });
    for (const line of ['docker build .', 'docker run --rm', 'python docker run x', 'dockerize run x']) expect(find(line), line).toBeNull();
    const digest = `sha256:${'0a'.repeat(32)}`;
    expect(await containerOfCommand(['docker', 'run', `lab/train@${digest}`])).toEqual({ kind: 'docker', image: `lab/train@${digest}`, digest });
    expect(await containerOfCommand(['python', 'x.py'])).toBeNull();
  });

  it('records variables of its list only, without secrets', () => {
    const secret = `redis://:hunt${'er22'}@cache`;
    expect(recordedVariables({ PYTHONHASHSEED: '0', HOME: '/home/ada', MY_API_KEY: 'x', XLA_FLAGS: secret, OMP_NUM_THREADS: undefined })).toEqual({ PYTHONHASHSEED: '0', XLA_FLAGS: 'redis://:[withheld: an address with a password]@cache' });
  });
});
