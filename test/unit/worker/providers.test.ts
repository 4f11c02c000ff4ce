/** What is found out about an execution provider before anything is computed with it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GraphBuilder } from '../../../src/onnx/graph';
import { multiply } from '../../../src/onnx/primitives';
import { isLeftToProcessor, startProvider, tellOfProvider } from '../../../src/worker/providers';
import { builtInProviders, createSession, release, run } from '../../../src/worker/runtime';

describe('a provider', () => {
  it('that left all to the processor is known by its profile', async () => {
    const profiles = mkdtempSync(path.join(tmpdir(), 'reprise-profiles-'));
    onTestFinished(() => rmSync(profiles, { recursive: true, force: true }));
    const graph = new GraphBuilder('square');
    const x = graph.input('x', 'float32', [2]);
    graph.output(multiply(graph, x, x), 'y');
    const session = await createSession(graph.encode({ description: 'x²' }), { provider: 'cpu', threads: 1 }, 'square', { profiles });
    await run(session, { x: new Tensor('float32', Float32Array.of(1, 2), [2]) }, 'square');
    await release(session);
    const [file] = readdirSync(profiles);
    const profile = readFileSync(path.join(profiles, file!), 'utf8');
    expect(profile).toContain('"provider" : "CPUExecutionProvider"');
    expect(isLeftToProcessor(profile)).toBe(true);
    expect(isLeftToProcessor(profile.replaceAll('CPUExecutionProvider', 'WebGpuExecutionProvider'))).toBe(false);
  });

  it('tells how quick it is, or why it does not work', async () => {
    const cpu = JSON.parse(await tellOfProvider('cpu')) as { milliseconds: number };
    expect(cpu).toEqual({ milliseconds: expect.any(Number), problem: null, builtIn: true });
    expect(cpu.milliseconds).toBeGreaterThan(0);
    const absent = (['coreml', 'directml'] as const).find((provider) => !builtInProviders().includes(provider))!;
    expect(JSON.parse(await tellOfProvider(absent))).toEqual({ milliseconds: null, problem: expect.stringContaining('built without'), builtIn: false });
    await expect(startProvider({ provider: absent, threads: 1 })).rejects.toMatchObject({ code: 'PROVIDER_MISSING', message: expect.stringContaining(absent) });
    expect(builtInProviders()).toContain('cpu');
  });
});
