/** Compares environments: what a config asks for with what a machine has, and what two runs had. */
import type { Config } from '../config/schema';
import type { CheckLevel, Container, EnvironmentCheck, Gpu, Provenance, PythonEnvironment } from '../events/provenance';
import { meetsPython } from './python-version';
import { numericFlags } from './runtime';
import { meets } from './version-range';

type EnvironmentSpec = Config['environment'];

/** What a machine has of the things a config may ask for. */
export interface ActualEnvironment {
  readonly reprise: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly os: string;
  /** The system's name for people: `Ubuntu 22.04.4 LTS`. */
  readonly osName: string;
  readonly arch: string;
  readonly memoryBytes: number;
  readonly gpus: readonly Gpu[];
  /** What the driver supports; null where there is none. */
  readonly cuda: string | null;
  readonly container: Container | null;
  /** Null where a command starts no Python that can be asked; left out for a built-in training, which starts none. */
  readonly python?: PythonEnvironment | null;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** Bytes of a gigabyte as memory is sold: a '16 GB' machine of 16 GiB, less what its firmware keeps, has 16 of them. */
const GIGABYTE = 1e9;

const gigabytes = (bytes: number): number => Math.round(bytes / (GIGABYTE / 10)) / 10;

/** As the config says it, from the item itself up to the group it belongs to; a Python of another version is an error, all else a warning. */
function levelOf(item: string, levels: EnvironmentSpec['levels']): CheckLevel {
  const group = item.split('.', 1)[0] ?? item;
  return levels?.[item] ?? levels?.[group] ?? (item === 'python' ? 'error' : 'warning');
}

/** A version against a requirement in either language. */
function versionCheck(item: string, required: string, actual: string | null, test: (version: string, requirement: string) => boolean | null, missing: string): Omit<EnvironmentCheck, 'level'> {
  if (actual === null) return { item, required, actual: missing, ok: false };
  const ok = test(actual, required);
  return { item, required, actual: ok === null ? `${actual} (the requirement is neither a version nor a range)` : actual, ok: ok === true };
}

/** Linux by its platform, `ubuntu-22.04` by the words of its name. */
function meetsOs(required: string, actual: ActualEnvironment): boolean {
  if (required === actual.os) return true;
  const name = actual.osName.toLowerCase();
  return required.toLowerCase().split(/[\s_-]+/u).every((word) => new RegExp(`(?<![\\w])${word.replace(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`)}(?!\\d)`, 'u').test(name));
}

/** Cards that compute; what only shows a screen (a server's, a virtual machine's) is none. */
const computes = ({ name, memoryBytes }: Gpu): boolean => memoryBytes !== undefined || /^(?:NVIDIA|AMD|Apple)\b/u.test(name);

function gpuChecks(spec: NonNullable<EnvironmentSpec['gpu']>, gpus: readonly Gpu[]): Omit<EnvironmentCheck, 'level'>[] {
  const all = gpus.filter(computes);
  const named = spec.model === undefined ? all : all.filter(({ name }) => spec.model?.toLowerCase().split(/\s+/u).every((word) => name.toLowerCase().includes(word)) === true);
  const checks: Omit<EnvironmentCheck, 'level'>[] = [];
  if (spec.count !== undefined) checks.push({ item: 'gpu.count', required: `at least ${String(spec.count)}`, actual: String(named.length), ok: named.length >= spec.count });
  if (spec.model !== undefined) checks.push({ item: 'gpu.model', required: spec.model, actual: all.map(({ name }) => name).join(', ') || 'none', ok: named.length > 0 });
  if (spec.memoryGb !== undefined) {
    const least = spec.memoryGb;
    const counted = spec.count ?? 1;
    const enough = named.filter(({ memoryBytes }) => memoryBytes !== undefined && memoryBytes >= least * GIGABYTE);
    checks.push({
      item: 'gpu.memoryGb',
      required: `at least ${String(least)}`,
      actual: named.map(({ memoryBytes }) => (memoryBytes === undefined ? 'unknown' : String(gigabytes(memoryBytes)))).join(', ') || 'none',
      ok: enough.length >= counted,
    });
  }
  return checks;
}

function pythonChecks(spec: NonNullable<EnvironmentSpec['python']>, python: PythonEnvironment | null): Omit<EnvironmentCheck, 'level'>[] {
  const installed = new Map(python?.packages.map(({ name, version }) => [name, version]));
  return [
    ...(spec.version === undefined ? [] : [versionCheck('python', spec.version, python?.version ?? null, meetsPython, 'no Python that could be asked')]),
    ...Object.entries(spec.packages ?? {}).map(([name, required]) => versionCheck(`packages.${name}`, required, installed.get(name.replace(/[-_.]+/gu, '-').toLowerCase()) ?? null, meetsPython, python === null ? 'no Python that could be asked' : 'not installed')),
  ];
}

/** A digest must be the image's; a name must be that of the image around, as far as it tells. */
function containerCheck(required: string, container: Container | null): Omit<EnvironmentCheck, 'level'> {
  const [name = '', digest] = required.split('@', 2);
  const actual = container === null ? 'no container' : [container.image ?? `a ${container.kind} container that does not tell its image`, ...(container.digest === null ? [] : [container.digest])].join('@');
  const ok = container !== null && (digest === undefined ? container.image === name : container.digest === digest || container.image?.endsWith(`@${digest}`) === true);
  return { item: 'container', required, actual, ok };
}

/**
 * One entry for each item that `spec` requires. Versions of Reprise, Node and ONNX Runtime are exact or ranges in npm's
 * style, those of Python, its packages and CUDA specifiers of PEP 440; memory is a minimum in GB (10⁹ bytes). A
 * requirement that cannot be read is not met, and its entry says so. What only a Python program has is not looked at
 * for a built-in training.
 */
export function checkEnvironment(spec: EnvironmentSpec, actual: ActualEnvironment): EnvironmentCheck[] {
  const checks: Omit<EnvironmentCheck, 'level'>[] = [];
  for (const item of ['reprise', 'node', 'onnxruntime'] as const) {
    const required = spec[item];
    if (required !== undefined) checks.push(versionCheck(item, required, actual[item], meets, ''));
  }
  if (spec.os !== undefined) checks.push({ item: 'os', required: spec.os, actual: meetsOs(spec.os, actual) ? spec.os : `${actual.os}, ${actual.osName}`, ok: meetsOs(spec.os, actual) });
  if (spec.arch !== undefined) checks.push({ item: 'arch', required: spec.arch, actual: actual.arch, ok: actual.arch === spec.arch });
  if (spec.memoryGb !== undefined) {
    checks.push({
      item: 'memoryGb',
      required: `at least ${String(spec.memoryGb)}`,
      actual: String(gigabytes(actual.memoryBytes)),
      ok: actual.memoryBytes >= spec.memoryGb * GIGABYTE,
    });
  }
  if (spec.python !== undefined && actual.python !== undefined) checks.push(...pythonChecks(spec.python, actual.python));
  if (spec.cuda !== undefined) checks.push(versionCheck('cuda', spec.cuda, actual.python?.torch?.cuda ?? actual.cuda, meetsPython, 'none'));
  if (spec.gpu !== undefined) checks.push(...gpuChecks(spec.gpu, actual.gpus));
  if (spec.container !== undefined) checks.push(containerCheck(spec.container, actual.container));
  for (const [name, required] of Object.entries(spec.variables ?? {})) {
    const value = actual.variables[name];
    checks.push({ item: `variables.${name}`, required, actual: value === undefined ? 'not set' : value === required ? required : 'another value', ok: value === required });
  }
  return checks.map((check) => ({ ...check, level: levelOf(check.item, spec.levels) }));
}

/**
 * The surroundings of a run as one flat object, for the difference between two runs. No times and nothing that
 * changes between two runs on one unchanged machine; the code's state is not part of it.
 */
export function environmentOf(provenance: Provenance): Readonly<Record<string, string | number | null>> {
  const { versions, os, cpu, python, container, variables = {} } = provenance;
  return {
    'versions.reprise': versions.reprise,
    'versions.node': versions.node,
    'versions.electron': versions.electron,
    'versions.v8': versions.v8,
    'versions.onnxruntime': versions.onnxruntime,
    'os.platform': os.platform,
    'os.name': os.name,
    'os.release': os.release,
    'os.arch': os.arch,
    'cpu.model': cpu.model,
    'cpu.cores': cpu.cores,
    'cpu.flags': numericFlags(cpu.flags).join(' '),
    memoryGb: Math.round(provenance.memoryBytes / GIGABYTE),
    gpus: provenance.gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ') || 'none',
    ...(provenance.cuda == null ? {} : { cuda: provenance.cuda }),
    lockfile: provenance.lockfileHash,
    ...(container == null ? {} : { container: [container.image ?? container.kind, ...(container.digest === null ? [] : [container.digest])].join('@') }),
    ...(python == null ? {} : pythonLeaves(python)),
    ...Object.fromEntries(Object.entries(variables).map(([name, value]) => [`variables.${name}`, value])),
  };
}

function pythonLeaves(python: PythonEnvironment): Record<string, string | null> {
  const { implementation, version, torch } = python;
  return {
    'python.version': `${implementation} ${version}`,
    ...(torch === null ? {} : { 'python.torch': torch.version, 'python.cuda': torch.cuda, 'python.cudnn': torch.cudnn }),
    ...Object.fromEntries(python.packages.map((entry) => [`packages.${entry.name}`, entry.origin?.commit === undefined ? entry.version : `${entry.version} at ${entry.origin.commit}`])),
  };
}
