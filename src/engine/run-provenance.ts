/** What was captured about a run, in sections for people. */
import { formatCount } from '../analysis/format';
import type { RunDetails } from '../api/views';
import { modelPath } from '../config/models';
import { RepriseError } from '../errors/errors';
import type { CommandManifest, LoggedManifest, RunManifest, TrainingManifest } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { patchText } from '../provenance/inline';
import { publicRemote } from '../report/facts';
import type { RunRow, Store } from '../store/types';

type Section = RunDetails['provenance'][number];
type Item = Section['items'][number];

/** Files named one by one. */
const MOST_FILES = 200;

const text = (name: string, value: string): Item => ({ name, value, kind: 'text' });
const hash = (name: string, value: string): Item => ({ name, value, kind: 'hash' });
const warning = (name: string, value: string): Item => ({ name, value, kind: 'warning' });

/** Sections that have something to say, in the order in which they are shown. */
export async function sectionsOf(store: Store, manifest: RunManifest, run: RunRow): Promise<Section[]> {
  return (await allSections(store, manifest, run)).filter(({ items }) => items.length > 0);
}

async function allSections(store: Store, manifest: RunManifest, run: RunRow): Promise<Section[]> {
  if (manifest.kind === 'logged') return loggedSections(manifest);
  const patch = await patchOf(store, manifest.provenance);
  return manifest.kind === 'command' ? commandSections(manifest, patch) : trainingSections(manifest, run, patch);
}

function loggedSections({ runId, source, user }: LoggedManifest): Section[] {
  return [
    {
      title: 'Source',
      items: [
        text('Run', runId),
        text('System', source.system),
        ...(source.id === null ? [] : [text('Id there', source.id)]),
        ...(source.from === null ? [] : [text('Imported from', source.from)]),
        ...(user === '' ? [] : [text('User', user)]),
        warning('Provenance', 'Another program told of this run: code, environment and data are known as far as its parameters and tags say.'),
      ],
    },
  ];
}

function checkItems({ environmentCheck }: Provenance): Item[] {
  return environmentCheck.map(({ item, required, actual, ok, level }) => (ok || level === 'ignore' ? text(`Required ${item}`, `${required}; found ${actual}`) : warning(`Required ${item}`, `The config asks for ${required}; the machine had ${actual}.`)));
}

function machineItems({ os, cpu, memoryBytes, gpus, cuda, container }: Provenance): Item[] {
  return [
    text('Operating system', `${os.name} (${os.platform} ${os.release}, ${os.arch})`),
    text('CPU', `${cpu.model}, ${cpu.cores} ${cpu.cores === 1 ? 'core' : 'cores'}`),
    text('Memory', `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`),
    text('GPUs', gpus.length === 0 ? 'none found' : gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ')),
    ...(cuda == null ? [] : [text('CUDA of the driver', cuda)]),
    ...(container == null ? [] : [text('Container', [container.kind, container.image, container.digest].filter((part) => part !== null).join(', '))]),
  ];
}

function pythonItems({ python, lockFiles = [], variables = {} }: Provenance): Item[] {
  const locks = lockFiles.map(({ path, pinned }) => (pinned ? text(`Lock file ${path}`, 'names one version of each package') : warning(`Lock file ${path}`, 'Does not name one version of each package.')));
  const own = Object.entries(variables).map(([name, value]) => text(`Variable ${name}`, value));
  if (python == null) return [...locks, ...own];
  const { torch, packages } = python;
  return [
    text('Python', `${python.implementation} ${python.version}, ${python.platform}${python.virtual ? ', virtual environment' : ''}`),
    text('Executable', python.executable),
    ...(torch === null ? [] : [text('PyTorch', `${torch.version}, CUDA ${torch.cuda ?? 'none'}, cuDNN ${torch.cudnn ?? 'none'}`)]),
    hash('Lock (SHA-256)', python.lockHash),
    ...locks,
    ...own,
    { name: `${formatCount(packages.length)} packages`, value: packages.map(({ name, version, origin }) => `${name}==${version}${origin?.url == null ? '' : ` @ ${origin.url}`}`).join('\n'), kind: 'code' },
  ];
}

function commandSections(manifest: CommandManifest, patch: Item | null): Section[] {
  const { provenance, inputs, runId, reproductionId, configHash, computeHash } = manifest;
  return [
    { title: 'Not captured', items: provenance.problems.map((problem, index) => warning(`Note ${index + 1}`, problem)) },
    { title: 'Code', items: codeItems(provenance, patch) },
    { title: 'Environment', items: [text('Reprise', provenance.versions.reprise), ...pythonItems(provenance), ...checkItems(provenance)] },
    { title: 'Hardware', items: machineItems(provenance) },
    {
      title: 'Inputs',
      items: inputs.flatMap(({ path, fingerprint, bytes, files, license, rows }) =>
        fingerprint === null
          ? [warning(path, 'Was not there.')]
          : [text(path, `${formatCount(files)} ${files === 1 ? 'file' : 'files'}, ${formatCount(bytes)} bytes${rows === undefined ? '' : `, ${formatCount(rows)} rows`}, licence ${license}`), hash(`${path} (SHA-256)`, fingerprint)],
      ),
    },
    { title: 'Hashes', items: [text('Run', runId), text('Reproduction id', reproductionId), hash('Config', configHash), hash('Compute', computeHash)] },
  ];
}

function trainingSections(manifest: TrainingManifest, run: RunRow, patch: Item | null): Section[] {
  const { provenance, runtime, data } = manifest;
  const { versions } = provenance;
  return [
    { title: 'Not captured', items: provenance.problems.map((problem, index) => warning(`Note ${index + 1}`, problem)) },
    { title: 'Code', items: codeItems(provenance, patch) },
    {
      title: 'Environment',
      items: [
        text('Reprise', versions.reprise),
        text('ONNX Runtime', `${runtime.onnxruntime}, provider ${runtime.executionProvider}, optimisation level ${runtime.optimizationLevel}`),
        ...(runtime.device === undefined ? [] : [text('Device', runtime.device.length === 0 ? 'not told by this system' : runtime.device.join('; '))]),
        text('Threads', `${runtime.threads}, pinned`),
        text('Node.js', versions.node),
        text('V8', versions.v8),
        text('Electron', versions.electron ?? 'none (command line)'),
        provenance.lockfileHash === null ? warning('Lockfile', 'Not captured: this installation has no package-lock.json.') : hash('Lockfile (SHA-256)', provenance.lockfileHash),
        ...checkItems(provenance),
      ],
    },
    {
      title: 'Hardware',
      items: [
        ...machineItems(provenance),
        text('Instruction sets', runtime.cpuFlags.length === 0 ? 'not told by this system' : runtime.cpuFlags.join(' ')),
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
    ...(manifest.model === undefined ? [] : [{ title: 'Model', items: [text('File', modelPath(manifest.config.model) ?? ''), text('Size', `${formatCount(manifest.model.bytes)} bytes`), hash('ONNX file (SHA-256)', manifest.model.sourceSha256), ...(manifest.model.sha256 === manifest.model.sourceSha256 ? [] : [hash('As it is kept (SHA-256)', manifest.model.sha256)])] }]),
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
