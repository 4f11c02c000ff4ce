/**
 * `ro-crate-metadata.json`: RO-Crate 1.1 with the Process Run Crate profile 0.5. A sweep is one action a
 * run, all sharing their instrument, with the hyperparameters as property values.
 * https://www.researchobject.org/ro-crate/specification/1.1/ and https://www.researchobject.org/workflow-run-crate/profiles/0.5/process_run_crate/
 */
import { metricsIn } from '../config/metrics';
import type { CommandManifest, TrainingManifest } from '../events/manifest';
import { commandAction, inputEntities } from './crate-command';
import { crateId, crateTime, leaves, propertyValue, ref, statusOf, type CrateEntity, type Scalar } from './crate-parts';
import type { BundleIndex, TrainingIndexRun } from './schemas';
import { licensePage } from './spdx';

export const CRATE_CONTEXT = 'https://w3id.org/ro/crate/1.1/context';
export const CRATE_SPEC = 'https://w3id.org/ro/crate/1.1';
export const PROCESS_RUN_CRATE = 'https://w3id.org/ro/wfrun/process/0.5';
/** Not in the 1.1 context: the term of the Workflow Run vocabulary. */
const SHA256_TERM = 'https://w3id.org/ro/terms/workflow-run#sha256';

export interface CrateFile {
  /** Path in the bag, `data/…`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const FORMATS: Readonly<Record<string, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  html: 'text/html',
  md: 'text/markdown',
  log: 'text/plain',
  py: 'text/x-python',
  jsonl: 'application/x-ndjson',
  csv: 'text/csv',
  txt: 'text/plain',
  png: 'image/png',
  onnx: 'application/x-onnx',
  safetensors: 'application/x-safetensors',
};

const PURPOSES: readonly (readonly [RegExp, string])[] = [
  [/\/run\.json$/u, 'What the run is: configuration, seeds, runtime, data fingerprint, provenance'],
  [/\/events\.log$/u, 'Event log: what the run recorded, one checksummed line a record'],
  [/\/output\.jsonl$/u, 'What the program wrote to its output, one JSON object a line'],
  [/\/files\//u, 'File that the program wrote'],
  [/^code\/objects\//u, 'File of the code, named by its SHA-256'],
  [/^code\//u, 'Code state: names, modes and SHA-256 of the files of the code'],
  [/^inputs\//u, 'File that the program read'],
  [/\/config\.yaml$/u, 'Configuration of the run'],
  [/\/weights\.safetensors$/u, 'Weights at the selected checkpoint'],
  [/\/initial\.safetensors$/u, 'Weights before the first step'],
  [/\/inference\.onnx$/u, 'Inference graph with the weights'],
  [/\/training\.onnx$/u, 'Training graph: forward pass, backward pass and optimizer'],
  [/\/optimizer\.safetensors$/u, 'State of the optimizer at the end'],
  [/\/scalars\.safetensors$/u, 'Scalars of every training step'],
  [/\/confusion\.json$/u, 'Confusion matrix of the test split: a row for each class, what it was taken for'],
  [/^datasets\//u, 'Prepared data set the runs trained on'],
  [/^objects\//u, 'File shared by several runs'],
  [/^bundle\.json$/u, 'Index of the bundle'],
  [/^tolerance\.json$/u, 'Tolerance for re-executions on other runtimes, sealed at export'],
  [/^study\.yaml$/u, 'Study from which the runs were made'],
  [/^report\./u, 'Report'],
  [/^REPRODUCE\.md$/u, 'How to verify and re-execute this bundle'],
  [/^replay\.py$/u, 'Replays a run without Reprise'],
  [/^rerun\.py$/u, 'Runs a command again without Reprise'],
];

function fileEntity(file: CrateFile, license: string | null): CrateEntity {
  const id = crateId(file.path);
  const format = FORMATS[id.slice(id.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  const description = PURPOSES.find(([pattern]) => pattern.test(id))?.[1];
  return {
    '@id': id,
    '@type': 'File',
    name: id.slice(id.lastIndexOf('/') + 1),
    ...(description === undefined ? {} : { description }),
    encodingFormat: format,
    contentSize: String(file.bytes),
    sha256: file.sha256,
    ...(license === null ? {} : { license }),
  };
}

/** What a run was given: model, training, data and seeds; not its labels. */
function parameters(manifest: TrainingManifest): CrateEntity[] {
  const { model, training, data, seed, seeds, selection, executor } = manifest.config;
  return leaves({ model, training, data, seed, seeds, selection, executor }).map(([path, value]) => propertyValue(path, value));
}

function results(entry: TrainingIndexRun): CrateEntity[] {
  const { metrics, finalLoss, weightsHash } = entry;
  const values: [string, Scalar | null][] = [
    ...(metrics === null ? [] : metricsIn(metrics).map((name): [string, Scalar | null] => [`test.${name}`, metrics[name] ?? null])),
    ['train.finalLoss', finalLoss],
    ['weightsHash', weightsHash],
  ];
  return values.flatMap(([name, value]) =>
    value === null ? [] : [{ '@id': `#run-${entry.runId}-${name}`, '@type': 'PropertyValue', name, value: typeof value === 'number' && !Number.isFinite(value) ? String(value) : value }],
  );
}

function software(manifest: TrainingManifest): { readonly instrument: CrateEntity; readonly runtime: CrateEntity } {
  const { reprise, onnxruntime } = manifest.provenance.versions;
  const runtime: CrateEntity = { '@id': `#onnxruntime-${onnxruntime}`, '@type': 'SoftwareApplication', name: 'ONNX Runtime', version: onnxruntime, url: 'https://onnxruntime.ai/' };
  return {
    runtime,
    instrument: { '@id': `#reprise-${reprise}-onnxruntime-${onnxruntime}`, '@type': 'SoftwareApplication', name: 'Reprise', version: reprise, softwareRequirements: ref(runtime['@id']) },
  };
}

function dataEntityId(index: BundleIndex, fingerprint: string): string | null {
  const data = index.data.find((entry) => entry.fingerprint === fingerprint);
  if (data === undefined) return null;
  return data.file === null ? `#data-${fingerprint}` : crateId(data.file);
}

function action(entry: TrainingIndexRun, manifest: TrainingManifest, index: BundleIndex, instrument: string, values: { readonly given: readonly CrateEntity[]; readonly found: readonly CrateEntity[] }): CrateEntity {
  const { files } = entry;
  const data = dataEntityId(index, manifest.data.fingerprint);
  const inputs = [entry.manifest, entry.config, files['model-file'], files['training-graph'], files.scalars].filter((path) => path !== undefined);
  const outputs = [entry.eventLog, files.weights, files['inference-graph'], files['optimizer-state'], files['confusion-matrix']].filter((path) => path !== undefined);
  return {
    '@id': `#run-${entry.runId}`,
    '@type': 'CreateAction',
    name: manifest.reproductionId,
    description: `Training of ${manifest.variant === null ? manifest.experiment : `${manifest.experiment}, variant ${manifest.variant.variant}`}, seed ${manifest.config.seed}`,
    instrument: ref(instrument),
    ...(index.author === '' ? {} : { agent: ref('#author') }),
    ...(entry.startedAt === null ? {} : { startTime: crateTime(entry.startedAt) }),
    ...(entry.endedAt === null ? {} : { endTime: crateTime(entry.endedAt) }),
    ...statusOf(entry),
    object: [...inputs.map((path) => ref(crateId(path))), ...(data === null ? [] : [ref(data)]), ...values.given.map((value) => ref(value['@id']))],
    result: [...outputs.map((path) => ref(crateId(path))), ...values.found.map((value) => ref(value['@id']))],
  };
}

/**
 * The crate's metadata for the files of a bag's payload, `ro-crate-metadata.json` itself not among them.
 * @param manifests by run id
 */
export function crateMetadata(index: BundleIndex, manifests: ReadonlyMap<string, TrainingManifest | CommandManifest>, files: readonly CrateFile[]): { readonly '@context': unknown; readonly '@graph': readonly CrateEntity[] } {
  const contextual = new Map<string, CrateEntity>();
  const remember = (entity: CrateEntity): void => void contextual.set(entity['@id'], entity);
  const actions: CrateEntity[] = [];
  for (const entry of index.runs) {
    const manifest = manifests.get(entry.runId);
    if (manifest === undefined) continue;
    if (entry.kind === 'command' || manifest.kind === 'command') {
      if (entry.kind !== 'command' || manifest.kind !== 'command') continue;
      const { action: own, others } = commandAction(entry, manifest, index);
      others.forEach(remember);
      actions.push(own);
      continue;
    }
    const { instrument, runtime } = software(manifest);
    const values = { given: parameters(manifest), found: results(entry) };
    [instrument, runtime, ...values.given, ...values.found].forEach(remember);
    actions.push(action(entry, manifest, index, instrument['@id'], values));
  }
  for (const data of index.data) {
    if (data.file !== null) continue;
    remember({ '@id': `#data-${data.fingerprint}`, '@type': 'CreativeWork', name: data.source, description: 'Prepared data set the runs trained on; not part of this bundle', identifier: `sha256:${data.fingerprint}`, sha256: data.fingerprint, ...(data.license === 'unknown' ? {} : { license: data.license }) });
  }
  inputEntities(index).forEach(remember);
  if (index.author !== '') remember({ '@id': '#author', '@type': 'Person', name: index.author });
  const page = licensePage(index.license);
  if (page !== null) remember({ '@id': page, '@type': 'CreativeWork', name: index.license, identifier: page });
  const licenses = new Map(index.data.flatMap((data) => (data.file === null || data.license === 'unknown' ? [] : [[data.file, data.license] as const])));
  const root: CrateEntity = {
    '@id': './',
    '@type': 'Dataset',
    name: index.name,
    description: index.description === '' ? `Runs of ${index.name}, exported by Reprise` : index.description,
    datePublished: crateTime(index.createdAt),
    license: page === null ? index.license : ref(page),
    conformsTo: ref(PROCESS_RUN_CRATE),
    ...(index.author === '' ? {} : { author: ref('#author') }),
    hasPart: files.map((file) => ref(crateId(file.path))),
    mentions: actions.map((entity) => ref(entity['@id'])),
  };
  return {
    '@context': [CRATE_CONTEXT, { sha256: SHA256_TERM }],
    '@graph': [
      { '@id': 'ro-crate-metadata.json', '@type': 'CreativeWork', conformsTo: ref(CRATE_SPEC), about: ref('./') },
      root,
      { '@id': PROCESS_RUN_CRATE, '@type': 'CreativeWork', name: 'Process Run Crate', version: '0.5' },
      ...files.map((file) => fileEntity(file, licenses.get(file.path) ?? null)),
      ...actions,
      ...contextual.values(),
    ],
  };
}
