import { describe, expect, it } from 'vitest';
import { workerEnvironment } from '../../../src/execution/local/local-spawn';
import { ProgressGuard } from '../../../src/execution/progress-guard';

describe('ProgressGuard', () => {
  it('counts attempts in a row that got no further', () => {
    const guard = new ProgressGuard();
    guard.begin('a', 0);
    expect([guard.died('a', 0, 0), guard.died('a', 0, 0), guard.died('a', 0, 0)]).toEqual([false, false, true]);
  });
  it('begins anew after progress in steps or in checkpoints, and for each run', () => {
    const guard = new ProgressGuard();
    guard.begin('a', 50);
    expect(guard.died('a', 50, 0)).toBe(false);
    expect(guard.died('a', 60, 0)).toBe(false);
    expect(guard.died('a', 55, 0)).toBe(false);
    expect(guard.died('a', 55, 40)).toBe(false);
    expect(guard.died('a', 55, 40)).toBe(false);
    expect(guard.died('b', 0, 0)).toBe(false);
    expect(guard.died('a', 60, 40)).toBe(false);
    expect(guard.died('a', 60, 40)).toBe(true);
    guard.forget('a');
    guard.begin('a', 60);
    expect(guard.died('a', 60, 0)).toBe(false);
  });
});

describe('workerEnvironment', () => {
  it('passes on what a process needs and nothing that changes numbers', () => {
    const host = { PATH: '/bin', HOME: '/home/me', LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE', OMP_NUM_THREADS: '4', MKL_NUM_THREADS: '4', NODE_OPTIONS: '--x', TZ: 'Asia/Tokyo', VK_DRIVER_FILES: '/driver.json' };
    // The driver that a person chose is recorded with the run.
    expect(workerEnvironment(host)).toEqual({ PATH: '/bin', HOME: '/home/me', LC_ALL: 'C', LANG: 'C', TZ: 'UTC', NVIDIA_TF32_OVERRIDE: '0', VK_DRIVER_FILES: '/driver.json' });
  });
});
