/** Sanity of a crate's metadata: what RO-Crate 1.1 and Process Run Crate 0.5 require and a reader relies on. */
import type { Problem } from '../errors/errors';
import { CRATE_SPEC, PROCESS_RUN_CRATE } from './crate';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

/** The ids a property points to. */
function references(value: unknown): string[] {
  return list(value).flatMap((entry) => (isObject(entry) && typeof entry['@id'] === 'string' ? [entry['@id']] : []));
}

function types(entity: Json): string[] {
  return list(entity['@type']).filter((type) => typeof type === 'string');
}

/** Nested objects are not allowed: an object in a property is a reference or a JSON-LD value. */
function nested(entity: Json): string | null {
  for (const [key, value] of Object.entries(entity)) {
    for (const entry of list(value)) {
      if (isObject(entry) && !('@value' in entry) && !(Object.keys(entry).length === 1 && '@id' in entry)) return key;
    }
  }
  return null;
}

class Findings {
  readonly problems: Problem[] = [];
  add(message: string): void {
    this.problems.push({ path: 'data/ro-crate-metadata.json', message });
  }
}

function checkRoot(root: Json, entities: ReadonlyMap<string, Json>, findings: Findings): void {
  if (!types(root).includes('Dataset')) findings.add('the root ./ is not a Dataset.');
  for (const property of ['name', 'description', 'datePublished', 'license']) {
    if (root[property] === undefined || root[property] === '') findings.add(`the root ./ has no ${property}.`);
  }
  const profile = references(root['conformsTo']).find((id) => id.startsWith(PROCESS_RUN_CRATE.replace(/[^/]*$/u, '')));
  if (profile === undefined) findings.add('the root ./ does not conform to Process Run Crate.');
  else if (!types(entities.get(profile) ?? {}).includes('CreativeWork')) findings.add(`the profile ${profile} is not described as a CreativeWork.`);
}

function checkFiles(root: Json, entities: ReadonlyMap<string, Json>, payload: ReadonlySet<string>, findings: Findings): void {
  const parts = new Set(references(root['hasPart']));
  for (const id of parts) {
    if (!entities.has(id)) findings.add(`the part ${id} is not described.`);
  }
  for (const [id, entity] of entities) {
    if (!types(entity).includes('File')) continue;
    let path: string;
    try {
      path = decodeURIComponent(id);
    } catch {
      findings.add(`the file ${id} has a name that cannot be decoded.`);
      continue;
    }
    if (!payload.has(path)) findings.add(`describes the file ${id}, which is not in the bundle.`);
    if (!parts.has(id)) findings.add(`the file ${id} is not a part of the root.`);
  }
  for (const path of payload) {
    if (path !== 'ro-crate-metadata.json' && !types(entities.get(path) ?? {}).includes('File')) findings.add(`does not describe the file ${path}.`);
  }
}

function checkActions(entities: ReadonlyMap<string, Json>, findings: Findings): void {
  const actions = [...entities.values()].filter((entity) => types(entity).includes('CreateAction'));
  if (actions.length === 0) findings.add('has no CreateAction: no run is described.');
  for (const entity of actions) {
    const id = String(entity['@id']);
    const tools = references(entity['instrument']).filter((tool) => types(entities.get(tool) ?? {}).some((type) => type === 'SoftwareApplication' || type === 'SoftwareSourceCode'));
    if (tools.length === 0) findings.add(`the action ${id} names no instrument.`);
    for (const property of ['object', 'result']) {
      for (const target of references(entity[property])) {
        if (!entities.has(target)) findings.add(`the action ${id} has the ${property} ${target}, which is not described.`);
      }
    }
  }
}

/**
 * Problems of the metadata, by what it says and which files there are.
 * @param payload names of all files, relative to the crate's root
 */
export function crateProblems(text: string, payload: ReadonlySet<string>): Problem[] {
  const findings = new Findings();
  let crate: unknown;
  try {
    crate = JSON.parse(text);
  } catch {
    findings.add('is not JSON.');
    return findings.problems;
  }
  if (!isObject(crate) || !Array.isArray(crate['@graph']) || crate['@context'] === undefined) {
    findings.add('has no @context or no @graph.');
    return findings.problems;
  }
  const entities = new Map<string, Json>();
  for (const entity of crate['@graph'] as unknown[]) {
    if (!isObject(entity) || typeof entity['@id'] !== 'string' || types(entity).length === 0) findings.add('has an entity without @id or @type.');
    else if (entities.has(entity['@id'])) findings.add(`describes ${entity['@id']} twice.`);
    else {
      entities.set(entity['@id'], entity);
      const property = nested(entity);
      if (property !== null) findings.add(`${entity['@id']} has a nested object under ${property}.`);
    }
  }
  const descriptor = entities.get('ro-crate-metadata.json');
  if (descriptor === undefined || !references(descriptor['about']).includes('./') || !references(descriptor['conformsTo']).includes(CRATE_SPEC)) {
    findings.add(`has no descriptor that conforms to ${CRATE_SPEC}.`);
  }
  const root = entities.get('./');
  if (root === undefined) findings.add('has no root ./.');
  else {
    checkRoot(root, entities, findings);
    checkFiles(root, entities, payload, findings);
  }
  checkActions(entities, findings);
  return findings.problems;
}
