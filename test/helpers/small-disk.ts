/** A real file system that is small, so that it can be full. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Why no small disk can be had here, or null. */
export const noSmallDisk = process.platform === 'linux' && process.getuid?.() === 0 ? null : 'only root mounts a small disk, on Linux; `unshare -rm npx vitest run …` is root enough';

export class SmallDisk {
  readonly folder: string;

  constructor(megabytes: number) {
    this.folder = mkdtempSync(join(tmpdir(), 'reprise-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', this.folder]);
    onTestFinished(() => {
      // Lazily: what a test that failed left open must not keep it.
      execFileSync('umount', ['-l', this.folder]);
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Leaves no byte free. */
  fill(leaveBytes = 0): void {
    const descriptor = openSync(this.#ballast, 'a');
    try {
      for (let free = this.freeBytes - leaveBytes; free > 0; free = this.freeBytes - leaveBytes) writeSync(descriptor, Buffer.alloc(Math.min(free, 1 << 20), 1));
    } finally {
      closeSync(descriptor);
    }
  }

  /** Makes room again. */
  clear(): void {
    rmSync(this.#ballast);
  }

  get #ballast(): string {
    return join(this.folder, 'ballast');
  }
}
