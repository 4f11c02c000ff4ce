/** Notices when the last run of a study comes to its end. */
import type { EventOf } from '../api/contract';
import { hasEnded } from '../execution/run-status';
import type { RunRow, Store, StudyRow } from '../store/types';
import { cellsByStatus, runsOfStudy } from './study-cells';

export class StudyWatch {
  readonly #store: Store;
  readonly #onEnd: (ended: EventOf<'studyEnded'>) => void;
  #studiesOf = new Map<string, StudyRow[]>();
  readonly #known = new Set<string>();
  /** Studies that have unfinished runs, with the time since when; milliseconds. */
  readonly #open = new Map<string, number>();

  constructor(store: Store, onEnd: (ended: EventOf<'studyEnded'>) => void) {
    this.#store = store;
    this.#onEnd = onEnd;
    this.reload();
  }

  /** Studies came or went. */
  reload(): void {
    this.#studiesOf = new Map();
    const studies = this.#store.listStudies();
    const unfinished = new Set(this.#store.listRuns({ status: ['queued', 'running', 'interrupted'] }).map((row) => row.runId));
    for (const study of studies) {
      const runIds = study.variants.flatMap((variant) => variant.runIds);
      for (const runId of runIds) if (runId !== null) this.#studiesOf.set(runId, [...(this.#studiesOf.get(runId) ?? []), study]);
      if (this.#known.has(study.studyId)) continue;
      this.#known.add(study.studyId);
      if (runIds.some((runId) => runId !== null && unfinished.has(runId))) this.#open.set(study.studyId, study.createdAt);
    }
  }

  see(row: RunRow): void {
    for (const study of this.#studiesOf.get(row.runId) ?? []) {
      const since = this.#open.get(study.studyId);
      if (hasEnded(row.status) !== (since !== undefined)) continue;
      const rows = runsOfStudy(this.#store, study);
      const works = [...rows.values()].some((run) => !hasEnded(run.status));
      // A run of a study that was at an end is retried.
      if (since === undefined && works) this.#open.set(study.studyId, Date.now());
      if (since === undefined || works) continue;
      this.#open.delete(study.studyId);
      const { studyId, experiment } = study;
      this.#onEnd({ studyId, experiment, byStatus: cellsByStatus(study, rows).byStatus, seconds: Math.max(0, Date.now() - since) / 1000 });
    }
  }
}
