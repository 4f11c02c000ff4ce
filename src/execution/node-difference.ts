/** Whether a run is computed on what it was planned for: its compute hash promises it. */
import type { CommandManifest, TrainingManifest } from '../events/manifest';

/** Instruction sets that are named in a sentence. */
const MOST_NAMED = 8;
/** Those of a command's machine that numeric kernels are chosen by, as the names of all of them begin. */
const NUMERIC = /^(?:avx|fma$|f16c|amx|sse4_|asimd|advsimd|sve|sme(?!p$)|neon)/u;

const named = (flags: readonly string[]): string => `${flags.slice(0, MOST_NAMED).join(', ')}${flags.length > MOST_NAMED ? ` and ${flags.length - MOST_NAMED} more` : ''}`;

/**
 * What differs between the node that computes and what the run was planned for, a sentence; null where nothing does, or
 * the node does not tell.
 * @param facts of the place record that says that it started: `platform`, `arch`, and `cpuFlags` in a line
 */
export function nodeDifference(manifest: TrainingManifest | CommandManifest, facts: Readonly<Record<string, string>> = {}): string | null {
  const { platform, arch, cpuFlags } = facts;
  if (platform === undefined || arch === undefined || cpuFlags === undefined) return null;
  const there = cpuFlags.split(' ').filter((flag) => flag !== '');
  const { os, cpu } = manifest.provenance;
  const planned = manifest.kind === 'command' ? { platform: os.platform, arch: os.arch, all: cpu.flags, numeric: cpu.flags.filter((flag) => NUMERIC.test(flag)) } : { platform: manifest.runtime.platform, arch: manifest.runtime.arch, all: manifest.runtime.cpuFlags, numeric: manifest.runtime.cpuFlags };
  const lacking = planned.numeric.filter((flag) => !there.includes(flag));
  const further = there.filter((flag) => !planned.all.includes(flag));
  const differences = [
    ...(planned.platform === platform && planned.arch === arch ? [] : [`it is ${platform} on ${arch}, not ${planned.platform} on ${planned.arch}`]),
    ...(lacking.length === 0 ? [] : [`its processor lacks ${named(lacking)}`]),
    ...(further.length === 0 ? [] : [`its processor has ${named(further)} besides`]),
  ];
  if (differences.length === 0) return null;
  return `The node that computes is not what the run was planned for: ${differences.join('; ')}. Its numbers may differ in their last bits from those of runs with the same compute hash. A test of the machine brings what is known of it up to date.`;
}
