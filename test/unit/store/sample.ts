/** Manifests and logs for tests of the store. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { configSchema } from '../../../src/config/schema';
import { RUN_FILES, type RunManifest } from '../../../src/events/manifest';
import type { EventBody } from '../../../src/events/records';
import { EventLogWriter } from '../../../src/events/writer';
import { putObject } from '../../../src/files/objects';
import type { StudyRow } from '../../../src/store/types';

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

export function sampleManifest(runId: string, more: Partial<RunManifest> & { readonly seed?: number; readonly threads?: number } = {}): RunManifest {
  const { seed = 1, threads = 1, ...rest } = more;
  const config = configSchema.parse({
    experiment: rest.experiment ?? 'sample',
    model: { kind: 'mlp' },
    training: { learningRate: 0.1, batchSize: 4 },
    data: { kind: 'two-moons' },
    seed,
    executor: { threads },
  });
  return {
    format: 1,
    runId,
    reproductionId: `sample-${seed}-${runId.toUpperCase()}`,
    experiment: config.experiment,
    variant: null,
    config,
    configHash: `config-${seed}`,
    computeHash: `compute-${seed}`,
    runtime: { onnxruntime: '1', executionProvider: 'cpu', optimizationLevel: 'all', threads, platform: 'linux', arch: 'x64', cpuFlags: [] },
    data: { fingerprint: DATA_HASH, file: `objects/${DATA_HASH.slice(0, 2)}/${DATA_HASH}`, bytes: 4, source: 'test', license: 'CC0-1.0' },
    trainingGraphHash: 'b'.repeat(64),
    createdAt: 1_700_000_000_000,
    provenance: {
      capturedAt: 1_700_000_000_000,
      versions: { reprise: '0', node: '20', electron: null, v8: '1', onnxruntime: '1' },
      os: { platform: 'linux', release: '', arch: 'x64', name: '' },
      cpu: { model: '', cores: 1, flags: [] },
      memoryBytes: 1,
      gpus: [],
      lockfileHash: null,
      git: null,
      environmentCheck: [],
      problems: [],
    },
    ...rest,
  };
}

/** SHA-256 of the text `data`. */
export const DATA_HASH = '3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7';

export async function putSampleData(workspace: string): Promise<void> {
  await putObject(workspace, Buffer.from('data'), DATA_HASH);
}

export function sampleStudy(studyId: string, more: Partial<StudyRow> = {}): StudyRow {
  return {
    studyId,
    experiment: 'sample',
    createdAt: 1_700_000_000_000,
    source: 'design: grid\n',
    variants: [
      { name: 'baseline', changes: [], variantHash: 'v0', runIds: ['run-a', null] },
      { name: 'wide', changes: [{ path: 'model.hidden', from: [1], to: [2] }], variantHash: 'v1', runIds: [null, null] },
    ],
    seeds: [1, 2],
    ...more,
  };
}

/** Appends to a run's log as its worker or host would. */
export function append(runFolder: string, ...bodies: readonly EventBody[]): void {
  const log = EventLogWriter.open(join(runFolder, RUN_FILES.events));
  try {
    for (const body of bodies) log.append(body);
  } finally {
    log.close();
  }
}

export function attempt(number: number, fromStep = 0, totalSteps = 10): EventBody {
  return { type: 'attempt', attempt: number, fromStep, totalSteps, stepsPerEpoch: 5, pid: 1 };
}

/** Steps whose loss is their number, plus `shift`. */
export function steps(firstStep: number, count: number, shift = 0): EventBody {
  const numbers = Array.from({ length: count }, (_, index) => firstStep + index);
  return { type: 'steps', firstStep, losses: numbers.map((step) => step + shift), learningRates: numbers.map(() => 0.5), seconds: count / 100 };
}

export const finished: EventBody = { type: 'finished', weightsHash: 'w', selectedStep: 10, finalLoss: 9, bestLoss: 0 };
export const exitedWell: EventBody = { type: 'exit', attempt: 1, exitCode: 0, signal: null };
