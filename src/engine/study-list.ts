/** Use cases of studies that are there: list, look into, pause, resume. */
import type { Input } from '../api/contract';
import type { StudySummary, StudyView } from '../api/views';
import { describeChanges } from '../ablation/describe';
import { parseStudy } from '../ablation/study';
import { parseYaml } from '../config/yaml';
import { RepriseError } from '../errors/errors';
import { hasEnded } from '../execution/run-status';
import type { RunRow, Store, StudyRow } from '../store/types';
import { hostScheduler, type EngineContext } from './context';
import { isPaused, runsOfPausedStudiesOnly, setPaused } from './pauses';
import { cellsByStatus, runsOfStudy } from './study-cells';
import { declaredOf, labelOf, valueOf, type Yardstick } from './yardstick';

/** By id, else the newest study of an experiment of this name. @throws RepriseError STUDY_NOT_FOUND */
function findStudy(store: Store, name: string): StudyRow {
  const study = store.getStudy(name) ?? store.latestStudy(name);
  if (study !== null) return study;
  throw new RepriseError('STUDY_NOT_FOUND', `There is no study ${JSON.stringify(name)} in ${store.workspace}.`, { kind: 'input', hint: 'Give the id of a study or the name of an experiment that was started as one.' });
}

/** @param rows the workspace's runs by id, or the study's */
function summaryOf(store: Store, study: StudyRow, rows: ReadonlyMap<string, RunRow>): StudySummary {
  const { studyId, experiment, createdAt, variants, seeds } = study;
  const cells = cellsByStatus(study, rows);
  const { queued, running, interrupted } = cells.byStatus;
  // A study that came to its end before it could stop has nothing that is held.
  const paused = queued + running + interrupted > 0 && isPaused(store.workspace, studyId);
  return { studyId, experiment, createdAt, variants: variants.length, seeds: seeds.length, ...cells, paused };
}

/** All studies, newest first. */
export function listStudies({ store }: EngineContext): StudySummary[] {
  const studies = store.listStudies();
  const runIds = studies.flatMap((study) => study.variants.flatMap((variant) => variant.runIds)).filter((runId) => runId !== null);
  const rows = new Map(store.getRuns(runIds).map((row) => [row.runId, row]));
  return studies.map((study) => summaryOf(store, study, rows));
}

/** The metric that the baseline declares; null where a command declares none. */
function declaredByStudy(study: StudyRow): Yardstick | null {
  return declaredOf(parseStudy(parseYaml(study.source, `study ${study.studyId}`)).baseline);
}

/** A study with its matrix, variants × seeds, and the declared test metric of every run that is finished. */
export function describeStudy({ store, queue }: EngineContext, input: Input<'studies.get'>): StudyView {
  const study = findStudy(store, input.studyId);
  const rows = runsOfStudy(store, study);
  const declared = declaredByStudy(study);
  return {
    ...summaryOf(store, study, rows),
    source: study.source,
    metric: declared === null ? null : labelOf(declared),
    seedValues: [...study.seeds],
    matrix: study.variants.map(({ name, changes, runIds }) => ({
      name,
      summary: describeChanges({ changes }),
      changes: [...changes],
      cells: study.seeds.map((seed, column) => {
        const run = rows.get(runIds[column] ?? '') ?? null;
        return { seed, run, reused: run !== null && run.studyId !== study.studyId, value: run === null || declared === null ? null : valueOf(store, run, declared) };
      }),
    })),
    secondsLeft: queue.secondsLeft([...rows.values()]),
  };
}

/** @throws RepriseError STUDY_NOT_FOUND, STUDY_ENDED, WORKSPACE_READ_ONLY */
export async function pauseStudy(context: EngineContext, input: Input<'studies.pause'>): Promise<StudySummary> {
  const scheduler = hostScheduler(context);
  const { store } = context;
  const study = findStudy(store, input.studyId);
  const rows = runsOfStudy(store, study);
  if ([...rows.values()].every((row) => hasEnded(row.status))) {
    throw new RepriseError('STUDY_ENDED', `Every run of the study ${study.experiment} is at an end; there is nothing to pause.`, { kind: 'input' });
  }
  // First the file: a host that dies in between must not start them again.
  await setPaused(store.workspace, study.studyId, true);
  scheduler.hold(runsOfPausedStudiesOnly(store).filter((runId) => rows.has(runId)));
  context.emit('changed', { what: 'studies' });
  return summaryOf(store, study, runsOfStudy(store, study));
}

/** Lets the study's unfinished runs have their turn again. @throws RepriseError STUDY_NOT_FOUND, WORKSPACE_READ_ONLY */
export async function resumeStudy(context: EngineContext, input: Input<'studies.resume'>): Promise<StudySummary> {
  const scheduler = hostScheduler(context);
  const { store } = context;
  const study = findStudy(store, input.studyId);
  await setPaused(store.workspace, study.studyId, false);
  for (const row of runsOfStudy(store, study).values()) if (!hasEnded(row.status)) scheduler.enqueue(row.runId);
  context.emit('changed', { what: 'studies' });
  return summaryOf(store, study, runsOfStudy(store, study));
}
