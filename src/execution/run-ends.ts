/** What becomes of a run when nobody works at it any more: after the end of an attempt, of its host, or of somebody's patience. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toErrorReport } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import type { RunRow, Store } from '../store/types';
import { openPlace } from './attempts';
import type { CommandTurns } from './command-turns';
import type { AttemptEnd } from './executor';
import { freeLog, standingOf } from './host-log';
import type { Holds } from './holds';
import type { ProgressGuard } from './progress-guard';
import { workerDied } from './refusals';
import type { RowTeller } from './row-teller';
import type { RunRecords } from './run-records';
import { hasEnded } from './run-status';

export interface RunEndsOptions {
  readonly store: Store;
  readonly commands: CommandTurns;
  readonly records: RunRecords;
  readonly rows: RowTeller;
  readonly holds: Holds;
  readonly guard: ProgressGuard;
  /** Whether the host closes: what is unfinished is left to the next one. */
  readonly isStopped: () => boolean;
}

export class RunEnds {
  readonly #of: RunEndsOptions;

  constructor(options: RunEndsOptions) {
    this.#of = options;
  }

  cancelFile(runId: string): string {
    return join(this.#of.store.runFolder(runId), RUN_FILES.cancel);
  }

  /** After the end of an attempt. */
  async settle(runId: string, { problem, exitCode, signal }: AttemptEnd): Promise<void> {
    const { records, rows, store, guard, holds, isStopped } = this.#of;
    const log = this.#log(runId);
    await freeLog(log);
    let row = await records.ingest(runId);
    if (row.status === 'running') {
      await records.append(runId, { type: 'exit', attempt: row.attempts, exitCode, signal });
      row = await records.ingest(runId);
    }
    if (hasEnded(row.status)) guard.forget(runId);
    else if (existsSync(this.cancelFile(runId))) await records.append(runId, { type: 'cancelled', step: row.stepsDone });
    else if (problem !== null) await records.append(runId, { type: 'failed', ...problem });
    else if (!isStopped() && !holds.has(runId)) {
      const { checkpointStep } = standingOf(log);
      if (guard.died(runId, row.stepsDone, checkpointStep)) await records.append(runId, { type: 'failed', code: 'WORKER_DIED', message: workerDied(store.runFolder(runId), { exitCode, signal }) });
      else if (row.status === 'interrupted') await records.append(runId, { type: 'requeued' });
    }
    rows.show(await records.ingest(runId));
  }

  /**
   * Sets a run whose log can no longer be read or written to `failed`, so that the others go on; one that had finished
   * stays so. While the host stops it is left to the next one.
   */
  fail(runId: string, error: unknown): void {
    const { store, rows, isStopped } = this.#of;
    if (store.getRun(runId).status === 'finished') return;
    if (isStopped()) store.setStatus(runId, 'interrupted');
    else {
      const { code, message, hint } = toErrorReport(error);
      store.setStatus(runId, 'failed', { errorCode: code, errorMessage: hint === undefined ? message : `${message} ${hint}` });
    }
    rows.show(store.getRun(runId));
  }

  /** After the end of a host: settles what it left. @returns whether an attempt goes on elsewhere, which is to be taken up */
  async recover(row: RunRow, requeue: boolean): Promise<boolean> {
    const { store, commands, records, rows, holds } = this.#of;
    const { runId } = row;
    rows.know(row);
    const log = this.#log(runId);
    if (this.#goesOnElsewhere(row)) {
      const { status } = await store.ingest(runId);
      // The store takes what ran under a host that is gone for interrupted.
      if (status === 'interrupted' && requeue) store.setStatus(runId, 'running');
      rows.show(store.getRun(runId));
      return true;
    }
    if (row.status === 'running' || row.status === 'interrupted') await freeLog(log);
    if (row.kind === 'command') await commands.settle(runId);
    let now = await store.ingest(runId);
    if (now.status === 'running' || now.status === 'interrupted') {
      if (standingOf(log).exitMissing) {
        await records.append(runId, { type: 'exit', attempt: now.attempts, exitCode: null, signal: null });
        now = await store.ingest(runId);
      }
      // The host died between taking the run from the queue and its worker's first word.
      if (now.status === 'running') store.setStatus(runId, 'queued');
      now = store.getRun(runId);
    }
    if (!hasEnded(now.status)) {
      if (existsSync(this.cancelFile(runId))) now = await this.cancelIdle(runId);
      else if (requeue && now.status === 'interrupted' && !holds.has(runId)) now = await this.requeue(runId);
    }
    rows.show(now);
    return false;
  }

  async requeue(runId: string): Promise<RunRow> {
    const { store, records, rows } = this.#of;
    rmSync(this.cancelFile(runId), { force: true });
    await records.append(runId, { type: 'requeued' });
    const row = await store.ingest(runId);
    rows.show(row);
    return row;
  }

  async cancelIdle(runId: string): Promise<RunRow> {
    const { store, records, rows } = this.#of;
    const row = store.getRun(runId);
    if (hasEnded(row.status)) return row;
    await records.append(runId, { type: 'cancelled', step: row.stepsDone });
    rmSync(this.cancelFile(runId), { force: true });
    const cancelled = await store.ingest(runId);
    rows.show(cancelled);
    return cancelled;
  }

  #goesOnElsewhere({ runId, status }: RunRow): boolean {
    if (hasEnded(status)) return false;
    const manifest = this.#of.store.manifest(runId);
    return manifest.kind !== 'logged' && manifest.config.executor.kind !== 'local' && openPlace(this.#log(runId)) !== null;
  }

  #log(runId: string): string {
    return join(this.#of.store.runFolder(runId), RUN_FILES.events);
  }
}
