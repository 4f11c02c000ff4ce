/** Keeps the store in step with the engine: loads when it is ready, follows its events, loads again when it was restarted. */
import type { RunView } from '../src/api/rows';
import { client } from './client';
import { merge, newestFirst, useWindow, type TestMetrics } from './store';

/** Numbers that change live change at most five times a second. */
const BATCH_MS = 200;
/** Questions for test metrics that are under way at the same time. */
const PARALLEL = 4;

const changed = new Map<string, RunView>();
let batch: number | null = null;
let loading = false;

function flush(): void {
  batch = null;
  const { runs } = useWindow.getState();
  // Until the list is there the changes wait: they are newer than it.
  if (runs === null || loading || changed.size === 0) return;
  useWindow.setState({ runs: merge(runs, changed.values()) });
  changed.clear();
  void loadTests();
}

export async function load(): Promise<void> {
  loading = true;
  const [info, list] = await Promise.all([client.appInfo({}), client.runsList({})]);
  loading = false;
  if (!list.ok || !info.ok) {
    const error = list.ok ? (info.ok ? null : info.error) : list.error;
    // The engine went away on the call: its return loads again.
    if (error?.code !== 'ENGINE_RESTARTED') useWindow.setState({ loadError: error });
    return;
  }
  useWindow.setState({ info: info.value, runs: merge(newestFirst(list.value), changed.values()), loadError: null });
  changed.clear();
  if (list.value.length === 0) void planSample();
  void loadTests();
}

const asked = new Set<string>();
let asking = 0;

/** Asks for the test metrics of finished runs, newest first, each once. */
async function loadTests(): Promise<void> {
  while (asking < PARALLEL) {
    const next = useWindow.getState().runs?.find((run) => run.status === 'finished' && !asked.has(run.runId));
    if (next === undefined) return;
    asked.add(next.runId);
    asking += 1;
    void client.runsGet({ run: next.runId }).then((answer) => {
      asking -= 1;
      if (!answer.ok) asked.delete(next.runId);
      else if (answer.value.result.metrics !== null) found.set(next.runId, answer.value.result.metrics);
      showTests();
      if (answer.ok) void loadTests();
    });
  }
}

const found = new Map<string, TestMetrics>();
let showing: number | null = null;

function showTests(): void {
  showing ??= window.setTimeout(() => {
    showing = null;
    useWindow.setState({ tests: new Map(found) });
  }, BATCH_MS);
}

async function planSample(): Promise<void> {
  const path = await client.samplePath();
  const plan = path.ok ? await client.studiesPlan({ study: path.value }) : path;
  useWindow.setState(({ sample }) => ({ sample: plan.ok ? { ...sample, plan: plan.value } : { ...sample, error: plan.error } }));
}

/** Queues the sample ablation. */
export async function startSample(): Promise<void> {
  useWindow.setState(({ sample }) => ({ sample: { ...sample, starting: true, error: null } }));
  const path = await client.samplePath();
  const started = path.ok ? await client.studiesStart({ study: path.value }) : path;
  useWindow.setState(({ sample }) => ({ sample: { ...sample, starting: false, error: started.ok ? null : started.error } }));
  if (started.ok) await load();
}

export function restartEngine(): void {
  void client.restartEngine();
}

/** Begins to follow the engine; called once. */
export function follow(): void {
  client.onRun((run) => {
    changed.set(run.runId, run);
    batch ??= window.setTimeout(flush, BATCH_MS);
  });
  client.onProgress((progress) => useWindow.setState({ progress }));
  client.onEngineState((engine) => {
    useWindow.setState({ engine });
    if (engine.status === 'ready') void load();
  });
}
