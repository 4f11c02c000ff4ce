import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Provenance } from '../../../src/events/provenance';
import { flagsOfCpuinfo, flagsOfSysctl } from '../../../src/provenance/cpu';
import { refuseEnvironment, warningsOf } from '../../../src/engine/warnings';
import { checkEnvironment, environmentOf, type ActualEnvironment } from '../../../src/provenance/environment';
import { meetsPython } from '../../../src/provenance/python-version';
import { parseStatus, splitPatch } from '../../../src/provenance/git-output';
import { gpusOfNvidiaSmi, nameOfOsRelease } from '../../../src/provenance/machine';
import { withoutCredentials } from '../../../src/provenance/remote-url';
import { reproductionId } from '../../../src/provenance/reproduction-id';
import { numericFlags, onnxruntimeVersion, runtimeIdentity } from '../../../src/provenance/runtime';
import { isSecretName, secretIn } from '../../../src/provenance/secrets';
import { withoutPaths } from '../../../src/provenance/sentences';
import { meets } from '../../../src/provenance/version-range';

describe('messages of git', () => {
  test.each([
    ["fatal: cannot open '/tmp/my study/.git/x': denied", "fatal: cannot open '…': denied"],
    ['error: /srv/x/.git/index is locked', 'error: … is locked'],
    ['EACCES: C:\\Users\\Ada\\x, or D:/y', 'EACCES: …, or …'],
    ['path:/srv/x at https://example.org/a', 'path:… at https://example.org/a'],
    ['either/or, a 1/2', 'either/or, a 1/2'],
  ])('%s → %s', (message, expected) => {
    expect(withoutPaths(message)).toBe(expected);
  });
});

describe('version ranges', () => {
  test.each([
    ['24.21.0', '>=20', true],
    ['18.4.0', '>=20', false],
    ['24.1.0', '24.x', true],
    ['25.0.0', '24.x', false],
    ['24.1.0', '24', true],
    ['1.30.0', '1.30.0', true],
    ['1.30.1', '1.30.0', false],
    ['1.30.1', '=1.30.0', false],
    ['1.30.5', '~1.30.2', true],
    ['1.31.0', '~1.30.2', false],
    ['1.31.0', '^1.30.0', true],
    ['2.0.0', '^1.30.0', false],
    ['0.2.5', '^0.2.3', true],
    ['0.3.0', '^0.2.3', false],
    ['0.0.4', '^0.0.3', false],
    ['20.18.0', '>=20.18 <25', true],
    ['25.0.0', '>=20.18 <25', false],
    ['24.5.0', '> 24', false],
    ['25.0.0', '> 24', true],
    ['24.9.1', '<=24', true],
    ['22.0.0', '20 || >=22', true],
    ['21.0.0', '20 || >=22', false],
    ['10.0.0', '>=9', true],
    ['24.0.0-nightly', '>=24.0.0', false],
    ['25.0.0-nightly', '^24.0.0', false],
    ['1.0.0-rc.10', '>=1.0.0-rc.9', true],
    ['v20.1.0', '20.x', true],
    ['3.1.4', '*', true],
    ['unknown', '>=1', false],
    ['unknown', 'unknown', true],
  ])('%s meets %s: %s', (version, requirement, expected) => {
    expect(meets(version, requirement)).toBe(expected);
  });

  test.each(['latest', '>=', '1.2.3.x.y', '1 - 2', '>>1', ''])('%s is no range', (requirement) => {
    expect(meets('1.2.3', requirement)).toBeNull();
  });
});

describe('versions of Python packages', () => {
  test.each([
    ['3.11.7', '3.11', true], ['3.12.0', '3.11', false], ['3.11.7', '3', true], ['3.11.7', '3.11.7', true], ['3.11.7', '3.11.6', false],
    ['2.5.1+cu124', '2.5.1', true], ['2.5.1+cu124', '==2.5.1', true], ['2.5.1+cu124', '==2.5.1+cpu', false], ['2.5.1', '2.5', true],
    ['1.26.4', '>=1.26,<2', true], ['2.0.0', '>=1.26,<2', false], ['1.26.4', '~=1.26', true], ['2.0', '~=1.26', false], ['1.27.0', '~=1.26.1', false],
    ['1.0rc1', '<1.0', false], ['1.0rc1', '>=1.0rc1', true], ['1.0.dev3', '<1.0a1', true], ['1.0.post1', '>1.0', false], ['1!1.0', '>2', true], ['4.20.0', '==4.*', true], ['4.20.0', '!=4.20.*', false],
    ['9.9', 'latest', true], ['anything', '*', true], ['2024x', '2024x', true], ['2024x', '>=2024', false],
  ])('%s meets %s: %s', (version, requirement, expected) => {
    expect(meetsPython(version, requirement)).toBe(expected);
  });

  test.each(['newest', '>=', '~=1', '>=1.*', '==1.0.*.2', '', '>1.0+local'])('%j cannot be read', (requirement) => {
    expect(meetsPython('1.2.3', requirement)).toBeNull();
  });
});

describe('environment check', () => {
  const actual: ActualEnvironment = { reprise: '0.1.0', node: '24.21.0', onnxruntime: '1.30.0', os: 'linux', osName: 'Ubuntu 22.04.4 LTS', arch: 'x64', memoryBytes: 15.5 * 2 ** 30, gpus: [], cuda: null, container: null, variables: {} };

  test('has one entry for each required item', () => {
    expect(checkEnvironment({}, actual)).toEqual([]);
    expect(checkEnvironment({ reprise: '0.1.0', node: '>=25', onnxruntime: '1.30.0', os: 'darwin', arch: 'x64', memoryGb: 16 }, actual)).toEqual([
      { item: 'reprise', required: '0.1.0', actual: '0.1.0', ok: true, level: 'warning' },
      { item: 'node', required: '>=25', actual: '24.21.0', ok: false, level: 'warning' },
      { item: 'onnxruntime', required: '1.30.0', actual: '1.30.0', ok: true, level: 'warning' },
      { item: 'os', required: 'darwin', actual: 'linux, Ubuntu 22.04.4 LTS', ok: false, level: 'warning' },
      { item: 'arch', required: 'x64', actual: 'x64', ok: true, level: 'warning' },
      { item: 'memoryGb', required: 'at least 16', actual: '16.6', ok: true, level: 'warning' },
    ]);
    expect(checkEnvironment({ memoryGb: 17 }, actual)[0]?.ok).toBe(false);
  });

  const python = {
    implementation: 'CPython', version: '3.11.7', executable: '/p', prefix: '/', virtual: true, platform: 'linux-x86_64', lockHash: '', torch: { version: '2.5.1+cu124', cuda: '12.4', rocm: null, cudnn: '9.1' },
    packages: [{ name: 'numpy', version: '1.26.4' }, { name: 'scikit-learn', version: '1.5.0' }, { name: 'torch', version: '2.5.1+cu124' }],
  };

  test('looks at Python, its packages, CUDA, GPUs, container and variables', () => {
    const h100 = { name: 'NVIDIA H100 80GB HBM3', driver: '550', memoryBytes: 81_559 * 2 ** 20 };
    const here: ActualEnvironment = { ...actual, python, cuda: '12.8', gpus: [h100, h100, { name: 'virtio graphics', driver: null }], container: { kind: 'podman', image: 'lab/train:1', digest: 'sha256:ab' }, variables: { PYTHONHASHSEED: '0', HOME: '/root' } };
    const check = (spec: Parameters<typeof checkEnvironment>[0]) => checkEnvironment(spec, here).map(({ item, actual: found, ok, level }) => [item, found, ok, level]);
    expect(check({ os: 'ubuntu-22.04', python: { version: '3.11', packages: { numpy: '>=1.26,<2', Scikit_Learn: '1.5', torch: '2.5.1', jax: '*' } }, cuda: '12.4' })).toEqual([
      ['os', 'ubuntu-22.04', true, 'warning'],
      ['python', '3.11.7', true, 'error'],
      ['packages.numpy', '1.26.4', true, 'warning'],
      ['packages.Scikit_Learn', '1.5.0', true, 'warning'],
      ['packages.torch', '2.5.1+cu124', true, 'warning'],
      ['packages.jax', 'not installed', false, 'warning'],
      ['cuda', '12.4', true, 'warning'],
    ]);
    expect(check({ os: 'ubuntu-2', gpu: { count: 2, model: 'H100', memoryGb: 80 }, container: 'lab/train:1', variables: { PYTHONHASHSEED: '0', HOME: '/home/a', OMP_NUM_THREADS: '1' } })).toEqual([
      ['os', 'linux, Ubuntu 22.04.4 LTS', false, 'warning'],
      ['gpu.count', '2', true, 'warning'],
      ['gpu.model', 'NVIDIA H100 80GB HBM3, NVIDIA H100 80GB HBM3', true, 'warning'],
      ['gpu.memoryGb', '85.5, 85.5', true, 'warning'],
      ['container', 'lab/train:1@sha256:ab', true, 'warning'],
      ['variables.PYTHONHASHSEED', '0', true, 'warning'],
      ['variables.HOME', 'another value', false, 'warning'],
      ['variables.OMP_NUM_THREADS', 'not set', false, 'warning'],
    ]);
    expect(check({ gpu: { count: 3, model: 'A100', memoryGb: 90 }, container: 'lab/train@sha256:cd' }).map(([item, , ok]) => [item, ok])).toEqual([['gpu.count', false], ['gpu.model', false], ['gpu.memoryGb', false], ['container', false]]);
  });

  test('has levels by item, by group and by default; a built-in training starts no Python', () => {
    const spec = { node: '1', python: { version: '3.9', packages: { numpy: '2', torch: '3' } }, levels: { node: 'error', packages: 'error', 'packages.torch': 'ignore' } } as const;
    expect(checkEnvironment(spec, { ...actual, python }).map(({ item, ok, level }) => [item, ok, level])).toEqual([
      ['node', false, 'error'],
      ['python', false, 'error'],
      ['packages.numpy', false, 'error'],
      ['packages.torch', false, 'ignore'],
    ]);
    expect(checkEnvironment(spec, actual).map(({ item }) => item)).toEqual(['node']);
    expect(checkEnvironment(spec, { ...actual, python: null })[1]).toEqual({ item: 'python', required: '3.9', actual: 'no Python that could be asked', ok: false, level: 'error' });
  });

  test('an error lets nothing start, and says all of them', () => {
    const provenance = (environmentCheck: Provenance['environmentCheck']): Provenance => ({ environmentCheck, problems: ['p'] }) as Partial<Provenance> as Provenance;
    const entry = (item: string, ok: boolean, level: 'error' | 'warning' | 'ignore') => ({ item, required: 'a', actual: 'b', ok, level });
    expect(() => refuseEnvironment(provenance([entry('x', true, 'error'), entry('y', false, 'warning'), entry('z', false, 'ignore')]))).not.toThrow();
    expect(warningsOf(provenance([entry('x', true, 'error'), entry('y', false, 'warning'), entry('z', false, 'ignore')]))).toEqual(['The config asks for y a; this machine has b.', 'p']);
    const refused = (): void => refuseEnvironment(provenance([entry('x', false, 'error'), entry('y', false, 'error')]));
    expect(refused).toThrow(expect.objectContaining({ code: 'ENVIRONMENT_MISMATCH', kind: 'input', problems: [expect.objectContaining({ path: 'environment.x' }), expect.objectContaining({ path: 'environment.y' })] }) as Error);
  });

  test('a requirement that cannot be read is not met and says so', () => {
    const [entry] = checkEnvironment({ node: 'newest' }, actual);
    expect(entry?.ok).toBe(false);
    expect(entry?.actual).toContain('neither a version nor a range');
  });
});

describe('environment of a run', () => {
  const provenance: Provenance = {
    capturedAt: 1,
    versions: { reprise: '0.1.0', node: '24.1.0', electron: null, v8: '13', onnxruntime: '1.30.0' },
    os: { platform: 'linux', release: '6.1', arch: 'x64', name: 'Debian' },
    cpu: { model: 'C', cores: 2, flags: ['avx2', 'aes', 'fma'] },
    memoryBytes: 16_700_000_000,
    gpus: [{ name: 'G', driver: '1.2' }],
    lockfileHash: 'ab',
    git: null,
    environmentCheck: [],
    problems: [],
  };

  test('is flat, without times, and differs where the machine does', () => {
    const environment = environmentOf(provenance);
    expect(environment).toEqual(environmentOf({ ...provenance, capturedAt: 2, memoryBytes: 16_900_000_000 }));
    expect(environment).toMatchObject({ 'cpu.flags': 'avx2 fma', gpus: 'G (driver 1.2)', memoryGb: 17, lockfile: 'ab', 'versions.electron': null });
    expect(environmentOf({ ...provenance, gpus: [] })['gpus']).toBe('none');
  });
});

describe('reproduction id', () => {
  const hash = `0123abcd${'0'.repeat(56)}`;

  test.each([
    ['mnist-ablation', 'mnist-ablation-7-0123ABCD'],
    ['Größe & Tiefe: Übung', 'gro-e-tiefe-ubung-7-0123ABCD'],
    ['実験', 'run-7-0123ABCD'],
    [`${'a'.repeat(39)} b`, `${'a'.repeat(39)}-7-0123ABCD`],
    ['  --x--  ', 'x-7-0123ABCD'],
  ])('%s', (name, expected) => {
    expect(reproductionId(name, 7, hash)).toBe(expected);
  });

  test('is at most 40 characters of name, in ASCII', () => {
    expect(reproductionId('é'.repeat(100), 4_294_967_295, hash)).toBe(`${'e'.repeat(40)}-4294967295-0123ABCD`);
  });
});

describe('remote address without credentials', () => {
  test.each([
    ['https://user:token@git.example.org/a/b.git', 'https://git.example.org/a/b.git'],
    ['https://token@git.example.org/a.git', 'https://git.example.org/a.git'],
    ['https://git.example.org:8443/@scope/b.git', 'https://git.example.org:8443/@scope/b.git'],
    ['https://git.example.org/b.git?private_token=abc#x', 'https://git.example.org/b.git'],
    ['https://user:p@ss@git.example.org/b', 'https://git.example.org/b'],
    ['https://user:p/w@git.example.org/b', 'https://git.example.org/b'],
    ['https://user:p#w@git.example.org/b', 'https://git.example.org/b'],
    ['ssh://git:secret@git.example.org:22/b', 'ssh://git@git.example.org:22/b'],
    ['ssh://git@git.example.org/b', 'ssh://git@git.example.org/b'],
    ['https://[::1]:80/@x', 'https://[::1]:80/@x'],
    ['git@git.example.org:a/b.git', 'git@git.example.org:a/b.git'],
    ['user:secret@git.example.org:a/b.git', 'git.example.org:a/b.git'],
    ['/srv/git/a.git', '/srv/git/a.git'],
    ['file:///srv/git/a.git', 'file:///srv/git/a.git'],
    ['ext::sh -c evil', null],
  ])('%s', (url, expected) => {
    expect(withoutCredentials(url)).toBe(expected);
  });
});

describe('secrets', () => {
  test.each(['.env', 'a/.env.local', 'prod.env', '.envrc', 'server.pem', 'id_rsa', '.ssh/config', 'ID_ED25519', 'x.key', 'credentials', 'credentials.json', 'aws-x/.aws/config', '.npmrc', '.netrc', 'secrets.yaml', 'client_secret_1.json', 'kaggle.json', 'token.txt'])(
    '%s is a secret name',
    (name) => {
      expect(isSecretName(name)).toBe(true);
    },
  );

  test.each(['train.py', '.env.example', 'environment.yml', 'id_rsa.pub', 'tokenizer.json', 'tokens.py', 'keyboard.csv', 'secret_sharing.py', 'env/run.sh', 'passwords.md'])('%s is none', (name) => {
    expect(isSecretName(name)).toBe(false);
  });

  test('shapes of tokens and keys', () => {
    const join = (...parts: string[]): string => parts.join('');
    expect(secretIn(join('-----BEGIN OPENSSH ', 'PRIVATE KEY-----\nb3BlbnNzaC1rZXk'))).toBe('a private key');
    expect(secretIn(join('key = "AK', 'IAIOSFODNN7EXAMPLE"'))).toBe('an AWS key');
    expect(secretIn(join('ghp', '_', 'a1'.repeat(18)))).toBe('a GitHub token');
    expect(secretIn(join('hf', '_', 'Ab'.repeat(17)))).toBe('a Hugging Face token');
    expect(secretIn(join('postgres://me:', 'hunter22@db.example.org/x'))).toBe('an address with a password');
    for (const harmless of ['-----BEGIN PUBLIC KEY-----', 'hf_hub_download', 'https://example.org:80/@x', 'git@example.org:a/b', 'sk-learn-container-with-a-long-class-name-here', '${USER}:${PASS}@host', 'risk-based']) {
      expect(secretIn(harmless)).toBeNull();
    }
  });
});

describe('machine', () => {
  test('reads flags of x86, ARM and macOS', () => {
    expect(flagsOfCpuinfo('model name\t: X\nflags\t\t: fpu avx2 fma\n\nflags\t\t: other\n')).toEqual(['fpu', 'avx2', 'fma']);
    expect(flagsOfCpuinfo('Features\t: fp asimd sve\n')).toEqual(['fp', 'asimd', 'sve']);
    expect(flagsOfCpuinfo('nothing')).toEqual([]);
    expect(flagsOfSysctl('machdep.cpu.features: FPU SSE4.2 AVX1.0 FMA\nmachdep.cpu.leaf7_features: AVX2\nhw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_SME: 0\n')).toEqual(['fpu', 'sse4_2', 'avx', 'fma', 'avx2', 'feat_bf16']);
    expect(numericFlags(['fma', 'aes', 'avx512f', 'avx', 'rdrand', 'amx_tile', 'fma', 'avx_vnni', 'asimd'])).toEqual(['amx_tile', 'asimd', 'avx', 'avx512f', 'avx_vnni', 'fma']);
  });

  test('reads names', () => {
    expect(nameOfOsRelease('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe('Debian GNU/Linux 12 (bookworm)');
    expect(nameOfOsRelease("NAME='Arch'\n")).toBe('Arch');
    expect(nameOfOsRelease('ID=x\n')).toBeNull();
    expect(gpusOfNvidiaSmi('NVIDIA H100, 550.1\n\n')).toEqual([{ name: 'NVIDIA H100', driver: '550.1' }]);
  });

  test('the runtime identity is sorted, stable and names the installed ONNX Runtime', () => {
    const identity = runtimeIdentity(2);
    expect(identity).toEqual(runtimeIdentity(2));
    expect(identity.threads).toBe(2);
    expect(identity.onnxruntime).toMatch(/^\d+\.\d+\.\d+/u);
    expect(identity.onnxruntime).toBe(onnxruntimeVersion());
    expect(identity.cpuFlags).toEqual([...identity.cpuFlags].sort());
    if (process.platform === 'linux' && process.arch === 'x64') expect(identity.cpuFlags).toContain('sse4_2');
  });

  test('the runtime identity names the GPU that a person chose, and none that Reprise gives out', () => {
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '3');
    onTestFinished(() => void vi.unstubAllEnvs());
    const gpus = [{ name: 'NVIDIA H100', driver: '550.1' }];
    expect(runtimeIdentity(1, 'cuda', gpus).device).toEqual(['NVIDIA H100, driver 550.1', 'CUDA_VISIBLE_DEVICES=3']);
    expect(runtimeIdentity(1, 'cuda', gpus, true).device).toEqual(['NVIDIA H100, driver 550.1']);
  });
});

describe("git's output", () => {
  test('status', () => {
    const text = ['# branch.oid abc', '# branch.head main', '1 .M N... 100644 100644 100644 a b dir/a file.txt', '1 A. S..U 0 1 2 a b sub', 'u UU N... 1 2 3 4 a b c both.txt', '? z new', '? a\nb', ''].join('\0');
    expect(parseStatus(text)).toEqual({
      commit: 'abc',
      branch: 'main',
      changed: [
        { path: 'dir/a file.txt', submodule: false, unmerged: false },
        { path: 'sub', submodule: true, unmerged: false },
        { path: 'both.txt', submodule: false, unmerged: true },
      ],
      untracked: ['a\nb', 'z new'],
    });
    expect(parseStatus('# branch.oid (initial)\0# branch.head (detached)\0')).toMatchObject({ commit: null, branch: null });
  });

  test('patch parts', () => {
    const patch = 'diff --git a/x y b/x y\nindex 1..2\n--- a/x y\n+++ b/x y\n@@ -1 +1 @@\n-a\n+diff --git a/q b/q\ndiff --git a/touched b/touched\n* Unmerged path both\ndiff --git "a/\\303\\244\\t.txt" "b/\\303\\244\\t.txt"\nold mode 100644\nnew mode 100755\n';
    const sections = splitPatch(patch);
    expect(sections.map(({ path }) => path)).toEqual(['x y', 'ä\t.txt']);
    expect(sections[0]?.bytes.endsWith('+diff --git a/q b/q\n')).toBe(true);
    expect(splitPatch('')).toEqual([]);
    // git stops reading a binary part, and all after it, where its empty last line is lost.
    const binary = ['diff --git a/b b/b\nGIT binary patch\nliteral 1\nIcmZ\n\n', 'diff --git a/c b/c\nGIT binary patch\nliteral 1\nIcmZ\n\n'];
    expect(splitPatch(binary.join('')).map(({ bytes }) => bytes)).toEqual(binary);
  });
});
