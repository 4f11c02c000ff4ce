/** The processor's instruction-set flags. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Milliseconds that sysctl may take. */
const SYSCTL_LIMIT_MS = 1000;

/** Flags of the first processor in the text of /proc/cpuinfo (`flags` on x86, `Features` on ARM), in its order. */
export function flagsOfCpuinfo(text: string): string[] {
  const line = /^(?:flags|Features)[ \t]*:[ \t]*(.*)$/mu.exec(text);
  return line?.[1]?.split(/\s+/u).filter((flag) => flag !== '') ?? [];
}

/** Flags in the output of macOS' `sysctl machdep.cpu hw.optional`, spelt as Linux does where both know them. */
export function flagsOfSysctl(text: string): string[] {
  const flags: string[] = [];
  for (const line of text.split('\n')) {
    const intel = /^machdep\.cpu\.(?:leaf7_)?features: (.*)$/u.exec(line);
    if (intel?.[1] !== undefined) {
      for (const flag of intel[1].trim().split(/\s+/u)) flags.push(flag === 'AVX1.0' ? 'avx' : flag.toLowerCase().replace(/\./gu, '_'));
    }
    const arm = /^hw\.optional\.(?:arm\.)?(FEAT_\w+|AdvSIMD\w*|neon\w*): 1$/u.exec(line);
    if (arm?.[1] !== undefined) flags.push(arm[1].toLowerCase());
  }
  return flags;
}

function readFlags(): string[] {
  try {
    switch (process.platform) {
      case 'linux':
        return flagsOfCpuinfo(readFileSync('/proc/cpuinfo', 'latin1'));
      case 'darwin':
        return flagsOfSysctl(
          execFileSync('/usr/sbin/sysctl', ['machdep.cpu', 'hw.optional'], { encoding: 'utf8', timeout: SYSCTL_LIMIT_MS, stdio: ['ignore', 'pipe', 'ignore'] }),
        );
      default:
        return [];
    }
  } catch {
    return [];
  }
}

let known: readonly string[] | undefined;

/** All flags of this machine's processor, sorted; empty where the system does not tell. Read once a process. */
export function cpuFlags(): readonly string[] {
  known ??= [...new Set(readFlags())].sort();
  return known;
}
