/** A command whose script logs to MLflow: into its own run, whose end is told by its process and nobody else. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, engineOn, look, Project, recordsOf } from '../helpers/commands';

const SCRIPT = `
import sys, mlflow
mlflow.set_experiment("the script's own")
with mlflow.start_run(run_name="named by the script") as run:
    mlflow.log_params({"depth": 3, "lr": 1e-05, "flag": True, "none": None, "width": 8, "seed": 1})
    mlflow.set_tag("stage", "prüfung")
    mlflow.log_metric("loss", 0.5, step=1)
    mlflow.log_text("a note", "notes/note.txt")
    with mlflow.start_run(nested=True, run_name="child"):
        mlflow.log_metric("loss", 0.25)
print(run.info.run_id, mlflow.get_run(run.info.run_id).info.status, mlflow.get_run(run.info.run_id).info.end_time)
with mlflow.start_run(run_name="another"):
    mlflow.log_metric("loss", 0.125)
sys.exit(3)
`;

/** Chooses no experiment: what it nests goes where its own run is, not into MLflow's `Default`. */
const NESTING = `
import mlflow
mlflow.log_metric("loss", 1.0)
with mlflow.start_run(nested=True, run_name="inner"):
    mlflow.log_metric("loss", 0.5)
mlflow.end_run()
with mlflow.start_run(run_name="second"):
    mlflow.log_param("lr", 3)
    mlflow.log_metric("loss", 0.25)
`;

for (const generation of [2, 3]) {
  const python = process.env[`REPRISE_PYTHON_MLFLOW${generation}`] ?? '';
  if (python === '') console.warn(`SKIPPED: no mlflow-skinny ${generation} (REPRISE_PYTHON_MLFLOW${generation}): no command logs with it.`);

  test.skipIf(python === '')(`MLflow ${generation}: a command logs into its own run, which fails as its process did`, { timeout: 120_000 }, async () => {
    const project = new Project({ 'train.py': SCRIPT });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, params: { lr: 0.00001, flag: true, none: null, width: 4 } }) });
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    await engine.close();

    await look(project.workspace, (store) => {
      const { runs } = store.search({ filter: null, experiments: [run.experiment], limit: 10 });
      const byName = new Map(store.runData(runs.map(({ runId }) => runId)).map((data) => [data.run.runId === run.runId ? 'own' : (data.run.name ?? ''), data]));
      expect([...byName.keys()].sort()).toEqual(['another', 'child', 'own']);
      const own = byName.get('own');
      expect(own?.run).toMatchObject({ kind: 'command', status: 'failed', exitCode: 3 });
      expect(own?.params).toEqual({ depth: '3', lr: '0.00001', flag: 'true', none: 'null', width: '4', seed: '1' });
      const messages = recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'message' && record.level === 'warning' ? [record.text] : []));
      expect(messages.filter((text) => text.includes('parameter'))).toEqual(['The program logged the parameter width as "8", but the config says "4", which stays.']);
      expect(own?.tags).toMatchObject({ stage: 'prüfung' });
      expect(own?.metrics.find(({ key }) => key === 'loss')).toMatchObject({ value: 0.5, step: 1 });
      expect(store.files(run.runId).map(({ path }) => path)).toContain('notes/note.txt');
      expect(byName.get('child')?.tags).toMatchObject({ 'mlflow.parentRunId': run.runId });
      expect(byName.get('another')?.run).toMatchObject({ kind: 'logged', status: 'finished' });
      expect(store.experiment({ name: "the script's own" })).toBeNull();
    });
  });

  test.skipIf(python === '')(`MLflow ${generation}: what a command nests without choosing an experiment is in its own`, { timeout: 120_000 }, async () => {
    const project = new Project({ 'train.py': NESTING });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, params: {} }) });
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    // Executing the command makes the nested run anew: it is no variant, and not missing in a bundle. Of the other one that is told.
    const comparison = await ask(engine, 'compare.experiment', { experiment: run.experiment });
    expect(comparison.variants.map(({ values }) => values.map(({ value }) => value))).toEqual([[1], [0.25]]);
    expect(comparison.method).toContain('One run is nested in another and left out');
    expect(await ask(engine, 'bundle.estimate', { target: run.experiment })).toMatchObject({ runs: 1, leftOut: 0 });
    const { file, leftOut, runs } = await ask(engine, 'bundle.export', { target: run.experiment, out: join(project.folder, 'nesting.crate.zip'), license: 'MIT' });
    expect({ leftOut, runs }).toEqual({ leftOut: [{ run: expect.any(String), name: 'second' }], runs: 1 });
    await expect(ask(engine, 'bundle.export', { target: leftOut[0]?.run ?? '', out: join(project.folder, 'second.crate.zip'), license: 'MIT' })).rejects.toThrow(/RUN_LOGGED/u);
    expect(await ask(engine, 'bundle.verify', { file })).toMatchObject({ valid: true, runs: [{ runId: run.runId }] });
    await engine.close();
    await look(project.workspace, (store) => {
      const { runs } = store.search({ filter: null, limit: 10 });
      const found = store.runData(runs.map(({ runId }) => runId)).map((data) => [data.run.name, data.run.experiment, data.tags['mlflow.parentRunId']]);
      expect(found.filter(([name]) => name === 'inner')).toEqual([['inner', run.experiment, run.runId]]);
      expect(new Set(found.map(([, experiment]) => experiment))).toEqual(new Set([run.experiment]));
    });
  });
}
