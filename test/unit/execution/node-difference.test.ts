/** A run that is computed on something else than it was planned for says so. */
import { describe, expect, it } from 'vitest';
import { nodeDifference } from '../../../src/execution/node-difference';
import type { CommandManifest, TrainingManifest } from '../../../src/events/manifest';

const training = { runtime: { platform: 'linux', arch: 'x64', cpuFlags: ['avx2', 'fma'] }, provenance: { os: {}, cpu: {} } } as unknown as TrainingManifest;
const command = { kind: 'command', provenance: { os: { platform: 'linux', arch: 'x64' }, cpu: { flags: ['aes', 'avx2', 'fma', 'ssse3'] } } } as unknown as CommandManifest;

describe('a node', () => {
  it('that is what was planned for, or says nothing of itself, is no news', () => {
    expect(nodeDifference(training, { platform: 'linux', arch: 'x64', cpuFlags: 'avx2 fma' })).toBeNull();
    expect(nodeDifference(training, { container: 'abc' })).toBeNull();
    expect(nodeDifference(training)).toBeNull();
    // Of a command all flags are recorded, and an outpost tells those that numeric kernels are chosen by.
    expect(nodeDifference(command, { platform: 'linux', arch: 'x64', cpuFlags: 'avx2 fma ssse3' })).toBeNull();
  });

  it('that has other instruction sets, or is another kind of machine, is told with what differs', () => {
    expect(nodeDifference(training, { platform: 'linux', arch: 'x64', cpuFlags: 'avx2' })).toContain('lacks fma.');
    expect(nodeDifference(command, { platform: 'linux', arch: 'x64', cpuFlags: 'avx2 fma ssse3 avx512f' })).toContain('has avx512f besides');
    expect(nodeDifference(command, { platform: 'linux', arch: 'arm64', cpuFlags: 'asimd' })).toMatch(/it is linux on arm64, not linux on x64; its processor lacks avx2, fma; its processor has asimd besides/u);
  });
});
