/** Compares environments: what a config asks for with what a machine has, and what two runs had. */
import type { Config } from '../config/schema';
import type { Provenance } from '../events/provenance';
import { numericFlags } from './runtime';
import { meets } from './version-range';

type EnvironmentSpec = Config['environment'];
type EnvironmentCheck = Provenance['environmentCheck'];

/** What a machine has of the things a config may ask for. */
export interface ActualEnvironment {
  readonly reprise: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly os: string;
  readonly arch: string;
  readonly memoryBytes: number;
}

/** Bytes of a gigabyte as memory is sold: a '16 GB' machine of 16 GiB, less what its firmware keeps, has 16 of them. */
const GIGABYTE = 1e9;

const gigabytes = (bytes: number): number => Math.round(bytes / (GIGABYTE / 10)) / 10;

/**
 * One entry for each item that `spec` requires, in the schema's order. Versions are exact or ranges in npm's style;
 * memory is a minimum in GB (10⁹ bytes); a requirement that cannot be read is not met, and its entry says so.
 */
export function checkEnvironment(spec: EnvironmentSpec, actual: ActualEnvironment): EnvironmentCheck {
  const checks: EnvironmentCheck[number][] = [];
  for (const item of ['reprise', 'node', 'onnxruntime'] as const) {
    const required = spec[item];
    if (required === undefined) continue;
    const ok = meets(actual[item], required);
    checks.push({ item, required, actual: ok === null ? `${actual[item]} (the requirement is neither a version nor a range)` : actual[item], ok: ok === true });
  }
  for (const item of ['os', 'arch'] as const) {
    const required = spec[item];
    if (required !== undefined) checks.push({ item, required, actual: actual[item], ok: actual[item] === required });
  }
  if (spec.memoryGb !== undefined) {
    checks.push({
      item: 'memoryGb',
      required: `at least ${String(spec.memoryGb)}`,
      actual: String(gigabytes(actual.memoryBytes)),
      ok: actual.memoryBytes >= spec.memoryGb * GIGABYTE,
    });
  }
  return checks;
}

/**
 * The surroundings of a run as one flat object, for the difference between two runs. No times and nothing that
 * changes between two runs on one unchanged machine; the code's state is not part of it.
 */
export function environmentOf(provenance: Provenance): Readonly<Record<string, string | number | null>> {
  const { versions, os, cpu } = provenance;
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
    lockfile: provenance.lockfileHash,
  };
}
