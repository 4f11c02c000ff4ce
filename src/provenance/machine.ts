/** What this machine is: operating system, processor, memory, GPUs. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import type { Gpu, Provenance } from '../events/provenance';
import { cpuFlags } from './cpu';

/** Milliseconds that a query tool of a driver may take. */
const TOOL_LIMIT_MS = 2000;
/** The driver takes seconds to wake a GPU that nobody uses. */
const SMI_LIMIT_MS = 8000;

/** PRETTY_NAME (or NAME) of the text of /etc/os-release, or null. */
export function nameOfOsRelease(text: string): string | null {
  for (const key of ['PRETTY_NAME', 'NAME']) {
    const value = new RegExp(`^${key}=(.*)$`, 'mu').exec(text)?.[1]?.trim();
    if (value === undefined || value === '') continue;
    const quoted = /^(["'])(.*)\1$/u.exec(value);
    return (quoted?.[2] ?? value).replace(/\\(.)/gu, '$1');
  }
  return null;
}

function osName(): string {
  if (process.platform === 'linux') {
    for (const file of ['/etc/os-release', '/usr/lib/os-release']) {
      try {
        const name = nameOfOsRelease(readFileSync(file, 'utf8'));
        if (name !== null) return name;
      } catch {
        // The next place, else the kernel's name.
      }
    }
  }
  // os.version() is 'Windows 11 Pro' on Windows and a kernel build elsewhere, where the type says more.
  return process.platform === 'win32' ? os.version() : `${os.type()} ${os.release()}`;
}

/** The operating system, processor and memory. */
export function describeMachine(): Pick<Provenance, 'os' | 'cpu' | 'memoryBytes'> {
  const cores = os.cpus();
  return {
    os: { platform: process.platform, release: os.release(), arch: process.arch, name: osName() },
    cpu: { model: cores[0]?.model.trim() || 'unknown', cores: cores.length, flags: cpuFlags() },
    memoryBytes: os.totalmem(),
  };
}

/** Standard output of a program, or null where it is not there, fails or takes too long. */
export function outputOf(program: string, args: readonly string[], limitMs: number = TOOL_LIMIT_MS, where: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {}): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: limitMs, encoding: 'utf8', windowsHide: true, ...(where.cwd === undefined ? {} : { cwd: where.cwd }), env: { ...(where.env ?? process.env), LC_ALL: 'C' } }, (error, stdout) => {
      resolve(error === null ? stdout : null);
    });
  });
}

/** GPUs in the output of `nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader,nounits`; memory in MiB. */
export function gpusOfNvidiaSmi(text: string): Gpu[] {
  return text
    .split('\n')
    .map((line) => line.split(',').map((part) => part.trim()))
    .flatMap(([name, driver, memory]) => {
      if (name === undefined || name === '') return [];
      const mib = Number(memory);
      return [{ name, driver: driver === undefined || driver === '' ? null : driver, ...(memory !== undefined && mib > 0 ? { memoryBytes: mib * 2 ** 20 } : {}) }];
    });
}

/** The highest version of CUDA that the driver supports, in the head of plain `nvidia-smi`. */
export function cudaOfNvidiaSmi(text: string): string | null {
  return /CUDA (?:UMD )?Version:\s*(\d+(?:\.\d+)*)/u.exec(text)?.[1] ?? null;
}

/** Where drivers put nvidia-smi. By its full path: a program of that name elsewhere is not asked. */
const NVIDIA_SMI = process.platform === 'win32'
  ? ['C:\\Windows\\System32\\nvidia-smi.exe', 'C:\\Program Files\\NVIDIA Corporation\\NVSMI\\nvidia-smi.exe']
  : ['/usr/bin/nvidia-smi', '/usr/local/bin/nvidia-smi', '/usr/local/nvidia/bin/nvidia-smi', '/opt/bin/nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi', '/run/current-system/sw/bin/nvidia-smi'];

/** The path of nvidia-smi; null where there is none. */
export function nvidiaSmi(): string | null {
  return NVIDIA_SMI.find((file) => existsSync(file)) ?? null;
}

/** PCI vendor identifiers (PCI-SIG). */
const VENDORS: Readonly<Record<string, string>> = { '0x10de': 'NVIDIA', '0x1002': 'AMD', '0x8086': 'Intel', '0x106b': 'Apple', '0x1af4': 'virtio', '0x1234': 'QEMU', '0x15ad': 'VMware' };

/** Graphics devices the Linux kernel knows of; `root` is /sys/class/drm. */
export async function gpusOfDrm(root: string): Promise<Gpu[]> {
  const cards = (await readdir(root).catch(() => [])).filter((name) => /^card\d+$/u.test(name)).sort();
  const read = (card: string, file: string): Promise<string | null> => readFile(`${root}/${card}/device/${file}`, 'utf8').then((text) => text.trim(), () => null);
  const found = await Promise.all(
    cards.map(async (card): Promise<Gpu | null> => {
      const [vendor, device, uevent] = await Promise.all([read(card, 'vendor'), read(card, 'device'), read(card, 'uevent')]);
      if (vendor === null) return null;
      return { name: `${VENDORS[vendor] ?? vendor} graphics${device === null ? '' : ` ${device}`}`, driver: /^DRIVER=(.+)$/mu.exec(uevent ?? '')?.[1] ?? null };
    }),
  );
  return found.filter((gpu) => gpu !== null);
}

async function queryGpus(): Promise<readonly Gpu[]> {
  const program = nvidiaSmi();
  const text = program === null ? null : await outputOf(program, ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader,nounits'], SMI_LIMIT_MS);
  const nvidia = text === null ? [] : gpusOfNvidiaSmi(text);
  if (nvidia.length > 0 || process.platform !== 'linux') return nvidia;
  return gpusOfDrm('/sys/class/drm');
}

async function queryCuda(): Promise<string | null> {
  const program = nvidiaSmi();
  const text = program === null ? null : await outputOf(program, [], SMI_LIMIT_MS);
  return text === null ? null : cudaOfNvidiaSmi(text);
}

let gpus: Promise<readonly Gpu[]> | undefined;
let cuda: Promise<string | null> | undefined;

/** The highest version of CUDA that the driver supports; null without one. Asked once a process. */
export function findCuda(): Promise<string | null> {
  cuda ??= queryCuda();
  return cuda;
}

/** GPUs that nvidia-smi or the Linux kernel names; empty where neither does. Asked once a process. */
export function findGpus(): Promise<readonly Gpu[]> {
  gpus ??= queryGpus();
  return gpus;
}
