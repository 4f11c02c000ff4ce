/**
 * Experiments as things of their own: made, renamed, deleted, and found for a run by the name its manifest has. Every
 * change is written to the experiment's file before its row.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { atomicWrite } from '../files/atomic-write';
import type { Database } from './database';
import { DEFAULT_EXPERIMENT, documentOf, experimentText, infoOf, newDocument, rowOf, type ExperimentDocument } from './experiment-files';
import { experimentFileOf, WORKSPACE_FILES } from './layout';
import { inTransaction, type Tables } from './tables/all';
import type { ExperimentInfo } from './tracking';
import { trashedRunIds } from './trash-folder';

export interface ExperimentChange {
  readonly name?: string;
  /** Null takes a tag away. */
  readonly tags?: Readonly<Record<string, string | null>>;
  readonly deleted?: boolean;
}

/** What a run's row says of its experiment. */
export interface Home {
  readonly id: number;
  readonly name: string;
  readonly deletedAt: number | null;
}

/** One change at a time: else two runs that name a new experiment would make it twice. */
export class Experiments {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #workspace: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(database: Database, tables: Tables, workspace: string) {
    this.#database = database;
    this.#tables = tables;
    this.#workspace = workspace;
  }

  /** @throws RepriseError EXPERIMENT_EXISTS, INPUT_INVALID */
  create(name: string, tags: Readonly<Record<string, string>>): Promise<ExperimentInfo> {
    return this.#inTurn(async () => {
      refuseName(name);
      this.#refuseTaken(name);
      await this.#make(name, Date.now(), tags);
      return this.#info(name);
    });
  }

  /** @throws RepriseError EXPERIMENT_NOT_FOUND, EXPERIMENT_EXISTS, EXPERIMENT_DEFAULT, INPUT_INVALID */
  update(id: string, change: ExperimentChange): Promise<ExperimentInfo> {
    return this.#inTurn(async () => {
      const row = /^\d{1,15}$/u.test(id) ? this.#tables.experiments.byId(Number(id)) : null;
      if (row === null) throw new RepriseError('EXPERIMENT_NOT_FOUND', `There is no experiment "${id}" in ${this.#workspace}.`, { kind: 'input', hint: '`reprise runs` lists the experiments.' });
      const before = documentOf(row);
      const name = change.name ?? before.name;
      const isNew = name !== before.name;
      if (row.experiment_id === DEFAULT_EXPERIMENT && (isNew || change.deleted === true)) {
        throw new RepriseError('EXPERIMENT_DEFAULT', 'The experiment "Default" can be neither renamed nor deleted.', { kind: 'input', hint: 'Runs that name no experiment belong to it.' });
      }
      if (isNew) {
        refuseName(name);
        this.#refuseTaken(name);
        await this.#settleFormer(name);
      }
      const now = Date.now();
      const deletedAt = change.deleted === undefined ? before.deletedAt : change.deleted ? (before.deletedAt ?? now) : null;
      const tags = Object.entries({ ...before.tags, ...change.tags }).filter((entry): entry is [string, string] => entry[1] !== null);
      const formerNames = isNew ? [...before.formerNames.filter((former) => former.name !== before.name || former.runIds !== null), { name: before.name, runIds: null }] : before.formerNames;
      await this.#write({ ...before, name, tags: Object.fromEntries(tags), deletedAt, updatedAt: now, formerNames }, () => {
        const { runs } = this.#tables;
        if (isNew) runs.renameExperiment(row.experiment_id, name);
        if (deletedAt !== null && before.deletedAt === null) runs.deleteOfExperiment(row.experiment_id, deletedAt);
        if (deletedAt === null && before.deletedAt !== null) runs.restoreOfExperiment(row.experiment_id, trashedRunIds(this.#workspace));
      });
      return this.#info(name);
    });
  }

  /**
   * The experiment that a run belongs to by the name in its manifest, made now where there is none.
   * @param runId of a run that was there before; null for a new one, which never belongs to a renamed experiment
   */
  homeOf(name: string, runId: string | null, createdAt: number): Promise<Home> {
    return this.#inTurn(async () => {
      const found = this.find(name, runId);
      if (found !== null) return found;
      await this.#make(name, createdAt, {});
      return this.find(name, runId)!;
    });
  }

  /** As `homeOf`, but null where there is none. */
  find(name: string, runId: string | null): Home | null {
    const { experiments } = this.#tables;
    const byName = experiments.byName(name);
    if (runId === null) return byName === null ? null : homeFrom(byName);
    const renamed = experiments.all().filter((row) => row.document !== null).map((row) => ({ row, former: documentOf(row).formerNames.filter((former) => former.name === name) }));
    const named = renamed.find(({ former }) => former.some(({ runIds }) => runIds?.includes(runId) === true));
    const any = renamed.find(({ former }) => former.some(({ runIds }) => runIds === null));
    const row = named?.row ?? byName ?? any?.row ?? null;
    return row === null ? null : homeFrom(row);
  }

  /** Writes the files of experiments that have none, but for the one that is always there. */
  async writeMissing(): Promise<void> {
    for (const row of this.#tables.experiments.all()) {
      if (row.document === null && row.experiment_id !== DEFAULT_EXPERIMENT) await this.#write(documentOf(row));
    }
  }

  async #make(name: string, createdAt: number, tags: Readonly<Record<string, string>>): Promise<void> {
    await this.#settleFormer(name);
    await this.#write(newDocument(this.#tables.experiments.nextId(), name, createdAt, tags));
  }

  /** Before an experiment takes a name that another one had: from now on that one's runs are known by their ids. */
  async #settleFormer(name: string): Promise<void> {
    for (const row of this.#tables.experiments.all()) {
      const document = documentOf(row);
      if (!document.formerNames.some((former) => former.name === name && former.runIds === null)) continue;
      const runIds = this.#tables.runs.ofExperiment(row.experiment_id);
      await this.#write({ ...document, formerNames: document.formerNames.map((former) => (former.name === name && former.runIds === null ? { name, runIds } : former)) });
    }
  }

  async #write(document: ExperimentDocument, also: () => void = () => undefined): Promise<void> {
    const text = experimentText(document);
    await mkdir(join(this.#workspace, WORKSPACE_FILES.experiments), { recursive: true });
    await atomicWrite(experimentFileOf(this.#workspace, document.experimentId), text);
    inTransaction(this.#database, this.#tables, () => {
      this.#tables.experiments.put(rowOf(document, text));
      also();
    });
  }

  #info(name: string): ExperimentInfo {
    return infoOf(this.#tables.experiments.byName(name)!);
  }

  #refuseTaken(name: string): void {
    const taken = this.#tables.experiments.byName(name);
    if (taken === null) return;
    throw new RepriseError('EXPERIMENT_EXISTS', `There is an experiment "${name}" already${taken.deleted_at === null ? '' : '; it is deleted'}.`, {
      kind: 'input',
      hint: taken.deleted_at === null ? 'Choose another name.' : 'Bring it back, or choose another name.',
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function homeFrom(row: { readonly experiment_id: number; readonly name: string; readonly deleted_at: number | null }): Home {
  return { id: row.experiment_id, name: row.name, deletedAt: row.deleted_at };
}

function refuseName(name: string): void {
  if (name.trim() !== '' && name.length <= 500) return;
  throw new RepriseError('INPUT_INVALID', 'The name of an experiment must have 1 to 500 characters.', { kind: 'input' });
}
