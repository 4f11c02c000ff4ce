/** Configs without seed and labels, each kept once for all the runs that share it. */
import type { VariantConfig } from '../../config/hash';
import type { Database } from '../database';

interface StoredVariant {
  readonly variant_hash: string;
  readonly config: string;
}

export class VariantsTable {
  readonly #put;
  readonly #one;
  readonly #all;
  readonly #ofExperiment;
  readonly #ofRun;
  readonly #dropUnused;
  /** A config never changes under its hash, so each is parsed once. */
  readonly #parsed = new Map<string, VariantConfig>();

  constructor(database: Database) {
    this.#put = database.prepare<[string, string]>('INSERT OR IGNORE INTO variants (variant_hash, config) VALUES (?, ?)');
    this.#one = database.prepare<[string], StoredVariant>('SELECT variant_hash, config FROM variants WHERE variant_hash = ?');
    this.#all = database.prepare<[], StoredVariant>('SELECT variant_hash, config FROM variants WHERE EXISTS (SELECT 1 FROM runs WHERE runs.variant_hash = variants.variant_hash AND deleted_at IS NULL)');
    this.#ofExperiment = database.prepare<[string], StoredVariant>(
      'SELECT variant_hash, config FROM variants WHERE variant_hash IN (SELECT variant_hash FROM runs INDEXED BY runs_listing WHERE experiment = ? AND deleted_at IS NULL)',
    );
    this.#ofRun = database.prepare<[number], StoredVariant>('SELECT variants.variant_hash, config FROM variants JOIN runs ON runs.variant_hash = variants.variant_hash WHERE runs.id = ?');
    this.#dropUnused = database.prepare<[]>('DELETE FROM variants WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.variant_hash = variants.variant_hash)');
  }

  /** @param config as JSON */
  put(variantHash: string, config: string): void {
    this.#put.run(variantHash, config);
  }

  /** Configs by hash: of the runs of an experiment, or of all. */
  configs(experiment?: string): Map<string, VariantConfig> {
    const rows = experiment === undefined ? this.#all.all() : this.#ofExperiment.all(experiment);
    return new Map(rows.map((row) => [row.variant_hash, this.#parse(row)]));
  }

  config(variantHash: string): VariantConfig | null {
    const known = this.#parsed.get(variantHash);
    if (known !== undefined) return known;
    const row = this.#one.get(variantHash);
    return row === undefined ? null : this.#parse(row);
  }

  /** The config of a run; null where it has none, or its manifest has not been read. */
  ofRun(run: number): VariantConfig | null {
    const row = this.#ofRun.get(run);
    return row === undefined ? null : this.#parse(row);
  }

  /** Removes configs that no run has any more. */
  dropUnused(): void {
    this.#dropUnused.run();
  }

  #parse({ variant_hash: hash, config }: StoredVariant): VariantConfig {
    const known = this.#parsed.get(hash) ?? (JSON.parse(config) as VariantConfig);
    this.#parsed.set(hash, known);
    return known;
  }
}
