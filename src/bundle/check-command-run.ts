/** A command run in a bundle against itself, and the code and inputs of a bundle against their names. */
import { createHash } from 'node:crypto';
import { canonicalJson, configHash } from '../config/hash';
import { parseConfig } from '../config/parse';
import { parseYaml } from '../config/yaml';
import type { Problem } from '../errors/errors';
import type { EventRecord } from '../events/records';
import { parseSnapshot, snapshotObjects } from '../events/snapshot';
import type { RunFiles } from './check-run';
import type { BundleCode, BundleContent, BundleInputData, CommandBundleRun, KeptFile } from './model';
import { commandStatus, filesOfLog, summariesOfLog } from './series';

/** Path in a bundle of an object of a code state. */
export function codeObject({ list }: BundleCode, sha256: string): string {
  return `${list.slice(0, list.lastIndexOf('/'))}/objects/${sha256}`;
}

function fileProblems(run: CommandBundleRun, records: readonly EventRecord[], files: RunFiles): Problem[] {
  const problems: Problem[] = [];
  const { runId } = run.manifest;
  const recorded = filesOfLog(records);
  const named = new Set<string>();
  for (const { path, sha256, bytes, file } of run.files) {
    named.add(path);
    const known = recorded.get(path);
    if (known === undefined) problems.push({ path: 'data/bundle.json', message: `gives run ${runId} the file ${path}, of which ${run.eventLog} knows nothing.` });
    else if (known.sha256 !== sha256 || known.bytes !== bytes) problems.push({ path: 'data/bundle.json', message: `gives the file ${path} of run ${runId} another hash or size than ${run.eventLog}.` });
    const found = file === null ? undefined : files.sha256(file);
    if (file !== null && found !== undefined && found !== sha256) problems.push({ path: file, message: `is not the file ${path} that run ${runId} kept.` });
  }
  for (const path of recorded.keys()) if (!named.has(path)) problems.push({ path: 'data/bundle.json', message: `does not name the file ${path} that run ${runId} kept.` });
  return problems;
}

function inputProblems({ manifest }: CommandBundleRun, content: BundleContent): Problem[] {
  return manifest.inputs.flatMap((input) => {
    const described = content.inputs.some(({ path, fingerprint }) => path === input.path && fingerprint === input.fingerprint);
    return described ? [] : [{ path: 'data/bundle.json', message: `does not describe the input ${input.path} of run ${manifest.runId}.` }];
  });
}

/** Everything a command run of a bundle says twice, compared. Appends to `problems`. */
export async function checkCommandRun(run: CommandBundleRun, records: readonly EventRecord[], content: BundleContent, files: RunFiles, problems: Problem[]): Promise<void> {
  const { manifest } = run;
  const logged = commandStatus(records);
  if (logged !== run.status) problems.push({ path: 'data/bundle.json', message: `gives run ${manifest.runId} status "${run.status}", the log "${logged}".` });
  if (manifest.configHash !== configHash(manifest.config)) problems.push({ path: `data/runs/${manifest.runId}/run.json`, message: 'has a configHash that is not that of its config.' });
  const summaries = (list: CommandBundleRun['series']): string => JSON.stringify(list.map(({ key, points, last }) => [key, points, String(last)]));
  if (summaries(run.series) !== summaries(summariesOfLog(records))) problems.push({ path: 'data/bundle.json', message: `gives run ${manifest.runId} other series than ${run.eventLog}.` });
  problems.push(...fileProblems(run, records, files), ...inputProblems(run, content));
  await files.attempt(run.configFile, async () => {
    const config = parseConfig(parseYaml(await files.readText(run.configFile), run.configFile), run.configFile);
    if (canonicalJson(config) !== canonicalJson(manifest.config)) problems.push({ path: run.configFile, message: `is not the config in the manifest of run ${manifest.runId}.` });
  });
}

/** A code state: its list has the hash that names it, and every object it names is there. */
export async function checkCode(code: BundleCode, files: RunFiles, problems: Problem[]): Promise<void> {
  const found = files.sha256(code.list);
  if (found !== code.snapshot) {
    problems.push({ path: code.list, message: found === undefined ? 'is named in data/bundle.json and not in the bundle.' : `is not the list of the code state ${code.snapshot}.` });
    return;
  }
  await files.attempt(code.list, async () => {
    for (const sha256 of snapshotObjects(parseSnapshot(await files.readText(code.list)))) {
      const path = codeObject(code, sha256);
      const object = files.sha256(path);
      if (object === undefined) problems.push({ path, message: `is named by ${code.list} and not in the bundle.` });
      else if (object !== sha256) problems.push({ path, message: 'does not have the hash that is its name.' });
    }
  });
}

/** As src/provenance makes it: a file's own hash, or that of the sorted list of a folder's files. */
function fingerprintOf(members: readonly KeptFile[]): string {
  const [only] = members;
  if (only?.path === '') return only.sha256;
  const list = [...members].sort((left, right) => (left.path < right.path ? -1 : 1)).map(({ path, sha256 }) => `${path}\0${sha256}\n`);
  return createHash('sha256').update(list.join('')).digest('hex');
}

/** Files of an input against the hashes that the index gives. */
export function checkInput(input: BundleInputData, files: RunFiles, problems: Problem[]): void {
  for (const { path, sha256, file } of input.members ?? []) {
    const found = files.sha256(file);
    if (found === undefined) problems.push({ path: file, message: 'is named in data/bundle.json and not in the bundle.' });
    else if (found !== sha256) problems.push({ path: file, message: `is not the file ${path === '' ? input.path : `${input.path}/${path}`} of the record.` });
  }
  if (input.members !== null && input.fingerprint !== fingerprintOf(input.members)) problems.push({ path: 'data/bundle.json', message: `gives the input ${input.path} files that do not have its fingerprint.` });
}
