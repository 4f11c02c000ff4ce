/** A workspace of very many runs, for benchmarks: rows of the database alone, without run folders, studies or logs. */
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { computeHash, configHash, hashJson, variantConfig, variantHash } from '../../src/config/hash';
import { configSchema, type Config } from '../../src/config/schema';
import { openStore } from '../../src/store/open';
import { tablesOf } from '../../src/store/tables/all';

const EXPERIMENTS = ['two moons · width and rate', 'spirals · optimizers', 'mnist · depth'] as const;
const HIDDEN = [[8], [16], [32], [16, 16], [32, 32], [64, 64]] as const;
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1] as const;
const OPTIMIZERS = ['sgd', 'adam', 'adamw'] as const;
const DROPOUT = [0, 0.2] as const;
const STEPS = 1200;
/** Points of the stored curve of each run; enough for a sparkline. */
const CURVE_POINTS = 32;
const ROWS_PER_TRANSACTION = 5000;

interface Variant {
  readonly name: string;
  readonly config: Config;
  readonly variantHash: string;
  readonly groupHash: string;
  readonly graphHash: string;
}

/** Numbers in [0, 1) that look random and are the same every time (the mixing steps of MurmurHash3's finaliser). */
export function noise(index: number, salt: number): number {
  let x = Math.imul(index + 1, 0x9e37_79b1) ^ Math.imul(salt + 1, 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

function variantsOf(experiment: string): Variant[] {
  return HIDDEN.flatMap((hidden) =>
    RATES.flatMap((learningRate) =>
      OPTIMIZERS.flatMap((kind) =>
        DROPOUT.map((dropout): Variant => {
          const config = configSchema.parse({
            experiment,
            model: { kind: 'mlp', hidden: [...hidden], dropout },
            training: { learningRate, optimizer: { kind }, batchSize: 32, epochs: 24 },
            data: { kind: 'two-moons', samples: 2000 },
            seed: 0,
          });
          const hash = variantHash(config);
          const graphHash = hashJson([hidden, kind, dropout]);
          const name = `model.hidden=[${hidden.join(', ')}], training.learningRate=${learningRate}, training.optimizer=${kind}, model.dropout=${dropout}`;
          return { name, config, variantHash: hash, groupHash: hashJson([hash, 'data', graphHash]), graphHash };
        }),
      ),
    ),
  );
}

/**
 * Fills a workspace with finished (94 in 100), failed and cancelled runs of three experiments with 180 variants each,
 * made one every ten seconds up to now, with their test metrics and a short training curve. The workspace is made where
 * it is missing and must not be open elsewhere. The runs have no folders: what reads those (details, log) finds none.
 * @returns ids of the runs, oldest first
 */
export async function fillRuns(workspace: string, count: number): Promise<string[]> {
  const store = await openStore(workspace, { mode: 'host' });
  const database = new Sqlite(join(resolve(workspace), 'reprise.db'), nativeBinding());
  const ids: string[] = [];
  try {
    const putVariant = database.prepare('INSERT OR IGNORE INTO variants (variant_hash, config) VALUES (?, ?)');
    const putRun = database.prepare(
      'INSERT INTO runs (run_id, kind, author, reproduction_id, experiment_id, experiment, seed, config_hash, compute_hash, calibration, created_at, manifest_sha256, status, log_status, exit_code, started_at, ended_at, updated_at, ' +
        'attempts, steps_done, total_steps, throughput, final_loss, best_loss, weights_hash, selected_step, error_code, error_message, variant, variant_hash, group_hash, training_graph_hash, threads, metric, filled) ' +
        "VALUES (?, 'training', '', ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 1)",
    );
    const { keys, series, latest, metrics } = tablesOf(database);
    const lossKey = keys.of('train.loss');
    const plans = EXPERIMENTS.map((experiment) => variantsOf(experiment));
    for (const { variantHash: hash, config } of plans.flat()) putVariant.run(hash, JSON.stringify(variantConfig(config)));
    const experimentIds = await Promise.all(EXPERIMENTS.map(async (name) => Number((await store.createExperiment(name)).experimentId)));

    const now = Date.now();
    const insert = database.transaction((from: number, to: number) => {
      for (let index = from; index < to; index += 1) {
        // Six runs in ten are of the first experiment, three of the second, one of the third.
        const plan = index % 10 < 6 ? 0 : index % 10 < 9 ? 1 : 2;
        const variants = plans[plan] ?? [];
        const variant = variants[Math.floor(index / 10) % variants.length];
        if (variant === undefined) continue;
        const runId = `bench-${index.toString(36).padStart(6, '0')}`;
        const seed = Math.floor(index / 10 / variants.length) * 10 + (index % 10);
        const config = { ...variant.config, seed };
        const dice = noise(index, 0);
        const status = dice < 0.94 ? 'finished' : dice < 0.98 ? 'failed' : 'cancelled';
        const isFinished = status === 'finished';
        const createdAt = now - (count - index) * 10_000;
        const ms = 4000 + Math.round(6000 * noise(index, 1));
        const stepsDone = isFinished ? STEPS : Math.floor(STEPS * noise(index, 2));
        const accuracy = 0.8 + 0.19 * noise(index, 3);
        const loss = 0.05 + 0.5 * (1 - accuracy) + 0.1 * noise(index, 4);
        const hash = configHash(config);
        const run = putRun.run(
          runId, `bench-${seed}-${index.toString(16).toUpperCase().padStart(8, '0')}`, experimentIds[plan], EXPERIMENTS[plan], seed, hash,
          computeHash(config, { dataFingerprint: 'data', trainingGraphHash: variant.graphHash, runtime: {} }), createdAt, hashJson(runId), status, status, isFinished ? 0 : 1,
          createdAt + 500, createdAt + 500 + ms, createdAt + 500 + ms, stepsDone, STEPS, (1000 * STEPS) / ms, loss, loss * 0.9, isFinished ? hashJson([runId, 'weights']) : null,
          isFinished ? STEPS : null, status === 'failed' ? 'WORKER_DIED' : null, status === 'failed' ? 'The worker ended with exit code 1 three times without getting further.' : null,
          variant.name, variant.variantHash, variant.groupHash, variant.graphHash, isFinished ? accuracy : null,
        ).lastInsertRowid as number;
        if (isFinished) metrics.put(run, { split: 'test', step: STEPS, epoch: 24, loss: loss * 1.1, accuracy });
        const steps = Float64Array.from({ length: CURVE_POINTS }, (_, point) => point);
        const values = steps.map((step) => loss + Math.exp(-step / 6) * (1 + 0.2 * noise(index, 10 + step)));
        latest.add(run, lossKey, series.add(run, lossKey, { steps, times: steps.map((step) => createdAt + 500 + (step * ms) / CURVE_POINTS), values }));
        ids.push(runId);
      }
    });
    for (let from = 0; from < count; from += ROWS_PER_TRANSACTION) insert(from, Math.min(count, from + ROWS_PER_TRANSACTION));
  } finally {
    database.close();
    store.close();
  }
  return ids;
}

/** As the store finds it: runtimes below Node-API 10 need an addon built from source. */
export function nativeBinding(): { nativeBinding?: string } {
  const binding = process.env['REPRISE_SQLITE_BINDING'];
  return Number(process.versions['napi']) >= 10 || binding === undefined || binding === '' ? {} : { nativeBinding: binding };
}
