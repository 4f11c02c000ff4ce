/** Use case: all that is known about one run. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatCount } from '../analysis/format';
import type { Input, Output } from '../api/contract';
import type { RunDetails } from '../api/views';
import { ARTIFACT_FILES, type TrainingManifest } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { RepriseError } from '../errors/errors';
import { patchText } from '../provenance/inline';
import { publicRemote } from '../report/facts';
import type { RunRow, Store } from '../store/types';
import type { EngineContext } from './context';
import { logOf } from './run-log';
import { metricOf, secondsLeft } from './run-list';

type Section = RunDetails['provenance'][number];
type Item = Section['items'][number];

const MOST_TWINS = 50;
/** Untracked files named one by one. */
const MOST_FILES = 200;
const CHECKPOINT_FILE = /^checkpoint-(\d+)\.safetensors$/u;

/** @throws RepriseError RUN_NOT_FOUND, MANIFEST_MISSING, MANIFEST_INVALID */
export async function describeRunInFull({ store }: EngineContext, input: Input<'runs.details'>): Promise<Output<'runs.details'>> {
  const run = store.getRun(input.run);
  const { runId } = run;
  const manifest = store.trainingManifest(runId);
  const listed = store.listedRun(runId);
  const folder = store.runFolder(runId);
  const log = attemptsOf(store, runId);
  return {
    run,
    metric: metricOf(store, listed),
    secondsLeft: secondsLeft(listed, Date.now()),
    folder,
    config: { ...manifest.config },
    provenance: [...(log.problem === null ? [] : [{ title: 'Event log', items: [warning('Damaged', log.problem)] }]), ...sectionsOf(manifest, run, await patchOf(store, manifest.provenance))],
    metrics: store.metrics(runId),
    artifacts: store.artifacts(runId).map(({ name, sha256, bytes }) => ({ name, file: ARTIFACT_FILES[name], sha256, bytes })),
    checkpoints: checkpointsIn(folder),
    attempts: [...log.attempts],
    lineage: lineageOf(store, run),
  };
}

/** A damaged log hides nothing else of the run. */
function attemptsOf(store: Store, runId: string): { readonly attempts: RunDetails['attempts']; readonly problem: string | null } {
  try {
    return { attempts: [...logOf(store, runId).attempts], problem: null };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return { attempts: [], problem: error.message };
  }
}

function checkpointsIn(folder: string): RunDetails['checkpoints'] {
  return readdirSync(folder)
    .flatMap((file) => {
      const step = CHECKPOINT_FILE.exec(file)?.[1];
      const bytes = step === undefined ? null : sizeOf(join(folder, file));
      return step === undefined || bytes === null ? [] : [{ step: Number(step), file, bytes }];
    })
    .toSorted((left, right) => left.step - right.step);
}

/** Null where the worker removed the file just now. */
function sizeOf(file: string): number | null {
  try {
    return statSync(file).size;
  } catch {
    return null;
  }
}

function lineageOf(store: Store, run: RunRow): RunDetails['lineage'] {
  const usedBy = store.studiesWithRun(run.runId).flatMap(({ studyId, experiment, createdAt, variants }) => {
    const variant = variants.find(({ runIds }) => runIds.includes(run.runId));
    return variant === undefined ? [] : [{ studyId, experiment, variant: variant.name, createdAt }];
  });
  return {
    study: run.studyId === null || run.variant === null ? null : { studyId: run.studyId, experiment: run.experiment, variant: run.variant },
    usedBy,
    twins: (run.computeHash === null ? [] : store.sameComputeHash(run.computeHash, MOST_TWINS + 1))
      .filter(({ runId }) => runId !== run.runId)
      .slice(0, MOST_TWINS)
      .map(({ runId, status, weightsHash, createdAt }) => ({ runId, status, weightsHash, createdAt })),
  };
}

const text = (name: string, value: string): Item => ({ name, value, kind: 'text' });
const hash = (name: string, value: string): Item => ({ name, value, kind: 'hash' });
const warning = (name: string, value: string): Item => ({ name, value, kind: 'warning' });

function sectionsOf(manifest: TrainingManifest, run: RunRow, patch: Item | null): Section[] {
  const { provenance, runtime, data } = manifest;
  const { versions, os, cpu } = provenance;
  const sections: Section[] = [
    { title: 'Not captured', items: provenance.problems.map((problem, index) => warning(`Note ${index + 1}`, problem)) },
    { title: 'Code', items: codeItems(provenance, patch) },
    {
      title: 'Environment',
      items: [
        text('Reprise', versions.reprise),
        text('ONNX Runtime', `${runtime.onnxruntime}, provider ${runtime.executionProvider}, optimisation level ${runtime.optimizationLevel}`),
        text('Threads', `${runtime.threads}, pinned`),
        text('Node.js', versions.node),
        text('V8', versions.v8),
        text('Electron', versions.electron ?? 'none (command line)'),
        provenance.lockfileHash === null ? warning('Lockfile', 'Not captured: this installation has no package-lock.json.') : hash('Lockfile (SHA-256)', provenance.lockfileHash),
        ...provenance.environmentCheck.map(({ item, required, actual, ok }) =>
          ok ? text(`Required ${item}`, `${required}; found ${actual}`) : warning(`Required ${item}`, `The config asks for ${required}; the machine had ${actual}.`),
        ),
      ],
    },
    {
      title: 'Hardware',
      items: [
        text('Operating system', `${os.name} (${os.platform} ${os.release}, ${os.arch})`),
        text('CPU', `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`),
        text('Instruction sets', runtime.cpuFlags.length === 0 ? 'not told by this system' : runtime.cpuFlags.join(' ')),
        text('Memory', `${(provenance.memoryBytes / 2 ** 30).toFixed(1)} GiB`),
        text('GPUs', provenance.gpus.length === 0 ? 'none found' : provenance.gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ')),
      ],
    },
    {
      title: 'Data',
      items: [
        text('Source', data.source),
        data.license === 'unknown' ? warning('Licence', 'Not known.') : text('Licence', data.license),
        text('Prepared size', `${formatCount(data.bytes)} bytes`),
        hash('Fingerprint (SHA-256)', data.fingerprint),
        ...(data.sourceSha256 === undefined ? [] : [hash('Source file (SHA-256)', data.sourceSha256)]),
      ],
    },
    {
      title: 'Hashes',
      items: [
        text('Run', run.runId),
        text('Reproduction id', run.reproductionId),
        hash('Config', manifest.configHash),
        hash('Compute', manifest.computeHash),
        hash('Training graph', manifest.trainingGraphHash),
        ...(run.weightsHash === null ? [] : [hash('Weights', run.weightsHash)]),
      ],
    },
  ];
  return sections.filter(({ items }) => items.length > 0);
}

/** The patch as it is shown; a damaged one hides nothing else. */
async function patchOf(store: Store, provenance: Provenance): Promise<Item | null> {
  try {
    const patch = await patchText(store.workspace, provenance);
    return patch === null ? null : { name: 'Patch', value: patch, kind: 'code' };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return warning('Patch', error.message);
  }
}

function snapshotItems({ code }: Provenance): Item[] {
  if (code == null) return [];
  return [
    hash('Snapshot (SHA-256)', code.snapshot),
    text('Files', `${formatCount(code.files)}, ${formatCount(code.bytes)} bytes${code.complete ? '' : ', incomplete'}`),
    ...code.withheld.map(({ path, note }) => warning(`Withheld: ${path}`, `Not stored: it ${note}.`)),
  ];
}

function codeItems(provenance: Provenance, patch: Item | null): Item[] {
  const { git } = provenance;
  if (git === null && provenance.code != null) return [text('Git', 'none'), ...snapshotItems(provenance)];
  if (git === null) return [warning('Git', 'Not captured: the config does not lie in a git repository, or git could not be asked.')];
  const more = git.untracked.length - MOST_FILES;
  return [
    git.commit === null ? warning('Commit', 'The repository has no commit yet.') : hash('Commit', git.commit),
    text('Branch', git.branch ?? 'none (detached)'),
    ...(git.remote === null ? [] : [text('Remote', publicRemote(git.remote))]),
    text('Working tree', git.dirty ? 'with uncommitted changes' : 'clean'),
    ...(git.tags?.length ? [text('Tags', git.tags.join(', '))] : []),
    ...snapshotItems(provenance),
    ...(patch === null ? [] : [patch]),
    ...git.untracked.slice(0, MOST_FILES).map(({ path, bytes, content, stored }) => text(`Untracked: ${path}`, `${formatCount(bytes)} bytes${content === null && stored !== true ? ', content not kept' : ''}`)),
    ...(git.submodules ?? []).map(({ path, commit, dirty }) => text(`Submodule: ${path}`, `${commit ?? 'no commit'}${dirty ? ', with uncommitted changes' : ''}`)),
    ...(more > 0 ? [text('Untracked', `${formatCount(more)} more files`)] : []),
  ];
}
