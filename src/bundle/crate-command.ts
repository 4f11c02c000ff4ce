/** Command runs in a crate's metadata: the instrument is the program, with the command line it was started by. */
import { hashJson } from '../config/hash';
import type { CommandManifest } from '../events/manifest';
import { lineOf } from '../config/command-line';
import { crateId, crateTime, leaves, propertyValue, ref, statusOf, type CrateEntity, type Reference } from './crate-parts';
import type { BundleIndex, CommandIndexRun } from './schemas';

/** A folder of more files is referred to as a whole. */
const MOST_MEMBERS = 20;

type Input = BundleIndex['inputs'][number];

function inputId({ path, fingerprint }: Input): string {
  return `#input-${hashJson([path, fingerprint]).slice(0, 12)}`;
}

/** An input that is one file in the crate is that file. */
function inputReference(input: Input): Reference {
  const [only] = input.members ?? [];
  return ref(input.members?.length === 1 && only?.path === '' ? crateId(only.file) : inputId(input));
}

/** Inputs that are no single file of the crate. */
export function inputEntities(index: BundleIndex): CrateEntity[] {
  return index.inputs.flatMap((input): CrateEntity[] => {
    if (inputReference(input)['@id'] !== inputId(input)) return [];
    const { path, fingerprint, files, bytes, license, members } = input;
    const where = members === null ? 'not part of this bundle' : 'its files are part of this bundle';
    return [
      {
        '@id': inputId(input),
        '@type': 'CreativeWork',
        name: path,
        description: `Input of the runs, ${files} file${files === 1 ? '' : 's'} of ${bytes} bytes; ${fingerprint === null ? 'it was not there' : where}`,
        ...(fingerprint === null ? {} : { identifier: `sha256:${fingerprint}`, sha256: fingerprint }),
        ...(license === 'unknown' ? {} : { license }),
        ...(members === null || members.length > MOST_MEMBERS ? {} : { hasPart: members.map(({ file }) => ref(crateId(file))) }),
      },
    ];
  });
}

function instrumentOf({ config, provenance }: CommandManifest): CrateEntity {
  const { command } = config.task;
  const { git, code } = provenance;
  const version = code?.snapshot ?? git?.commit ?? null;
  const remote = git?.remote ?? null;
  // Without its parameters: one program for all runs of a sweep.
  return {
    '@id': `#command-${hashJson([command, version]).slice(0, 12)}`,
    '@type': 'SoftwareSourceCode',
    name: Array.isArray(command) ? command.slice(0, 2).join(' ') : `${command.shell} script`,
    description: `Started by: ${lineOf(command)}`,
    ...(version === null ? {} : { version }),
    ...(remote === null || !/^https?:/u.test(remote) ? {} : { codeRepository: remote }),
  };
}

/** The action of a command run, and what it refers to besides files. */
export function commandAction(entry: CommandIndexRun, manifest: CommandManifest, index: BundleIndex): { readonly action: CrateEntity; readonly others: readonly CrateEntity[] } {
  const { runId, files, series } = entry;
  const { config } = manifest;
  const instrument = instrumentOf(manifest);
  const given = leaves({ params: config.params, seed: config.seed }).map(([path, value]) => propertyValue(path, value));
  const found = series.map(({ key, last }): CrateEntity => ({ '@id': `#run-${runId}-${hashJson(key).slice(0, 12)}`, '@type': 'PropertyValue', name: key, value: Number.isFinite(last) ? last : String(last) }));
  const code = index.code.find(({ snapshot }) => snapshot === manifest.provenance.code?.snapshot);
  const inputs = manifest.inputs.flatMap((wanted) => index.inputs.filter(({ path, fingerprint }) => path === wanted.path && fingerprint === wanted.fingerprint));
  const read = [entry.manifest, entry.config, ...(code === undefined ? [] : [code.list])];
  const written = [entry.eventLog, entry.output, ...files.map(({ file }) => file)].filter((file) => file !== null);
  const references = (paths: readonly string[], values: readonly CrateEntity[]): Reference[] => [...[...new Set(paths)].map((path) => ref(crateId(path))), ...values.map((value) => ref(value['@id']))];
  return {
    others: [instrument, ...given, ...found],
    action: {
      '@id': `#run-${runId}`,
      '@type': 'CreateAction',
      name: manifest.reproductionId,
      description: `Command of ${manifest.variant === null ? manifest.experiment : `${manifest.experiment}, variant ${manifest.variant.variant}`}, seed ${config.seed}`,
      instrument: ref(instrument['@id']),
      ...(index.author === '' ? {} : { agent: ref('#author') }),
      ...(entry.startedAt === null ? {} : { startTime: crateTime(entry.startedAt) }),
      ...(entry.endedAt === null ? {} : { endTime: crateTime(entry.endedAt) }),
      ...statusOf(entry),
      object: [...references(read, given), ...inputs.map(inputReference)],
      result: references(written, found),
    },
  };
}
