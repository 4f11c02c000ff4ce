/**
 * Judges from outside: `bagit.py --validate` and `roc-validator` (profile process-run-crate, REQUIRED)
 * accept a bundle, and refuse crates broken on purpose. REPRISE_PYTHON names a Python that has them,
 * REPRISE_JUDGES (comma-separated) which it has: `bagit`, `roc-validator` (with `rocrate==0.13.0`).
 */
import { execFile } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { extractBundle } from '../../src/bundle/open';
import { writeBundle } from '../../src/bundle/write';
import { commandInput } from '../unit/bundle/command-sample';
import { freshFolder, sampleInput } from '../unit/bundle/sample';

const python = process.env['REPRISE_PYTHON'] ?? '';
const judges = new Set(python === '' ? [] : (process.env['REPRISE_JUDGES'] ?? '').split(',').map((name) => name.trim()));
const missing = ['bagit', 'roc-validator'].filter((name) => !judges.has(name));
if (missing.length > 0) console.warn(`SKIPPED: no ${missing.join(', no ')} (REPRISE_PYTHON, REPRISE_JUDGES): bundles are not judged from outside.`);

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function runPython(args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(python, args, { timeout: 120_000, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : null, output: `${stdout}\n${stderr}` });
    });
  });
}

let folder: string;
let bag: string;
let commands: string;

beforeAll(async () => {
  folder = await freshFolder();
  bag = join(folder, 'bag');
  await writeBundle(await sampleInput(join(folder, 'workspace')), join(folder, 'sample.crate.zip'));
  await extractBundle(join(folder, 'sample.crate.zip'), bag);
  commands = join(folder, 'commands');
  await writeBundle(await commandInput(join(folder, 'programs')), join(folder, 'commands.crate.zip'));
  await extractBundle(join(folder, 'commands.crate.zip'), commands);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function copyOfBag(name: string): Promise<string> {
  const copy = join(folder, name);
  await cp(bag, copy, { recursive: true });
  return copy;
}

describe.skipIf(!judges.has('bagit'))('bagit.py --validate', () => {
  const validate = (path: string): Promise<Outcome> => runPython(['-m', 'bagit', '--validate', '--quiet', path]);

  it('accepts a bundle', async () => {
    expect(await validate(bag)).toMatchObject({ code: 0 });
    expect(await validate(commands)).toMatchObject({ code: 0 });
  });

  it('refuses a bag with an altered, an additional or a missing file', async () => {
    const altered = await copyOfBag('altered');
    await writeFile(join(altered, 'data', 'study.yaml'), 'baseline:\n  seed: 1\n');
    expect((await validate(altered)).code).toBe(1);
    const added = await copyOfBag('added');
    await writeFile(join(added, 'data', 'more.txt'), 'more\n');
    expect((await validate(added)).code).toBe(1);
    const removed = await copyOfBag('removed');
    await rm(join(removed, 'data', 'report.md'));
    expect((await validate(removed)).code).toBe(1);
  });
});

type Entity = Record<string, unknown> & { '@id': string };
interface Crate {
  '@graph': Entity[];
}
interface Judgement {
  readonly passed: boolean;
  readonly skipped_checks: number;
  readonly issues: readonly { readonly message: string }[];
}

describe.skipIf(!judges.has('roc-validator'))('roc-validator, process-run-crate, REQUIRED', () => {
  let cache: string;

  beforeAll(async () => {
    cache = join(folder, 'http-cache');
    const warmed = await runPython([join(import.meta.dirname, '..', 'fixtures', 'python', 'warm_crate_cache.py'), cache]);
    expect(warmed).toMatchObject({ code: 0 });
  });

  async function judge(crate: string): Promise<Judgement> {
    const report = join(folder, `${crate.replaceAll(/[^\w]/gu, '_')}.json`);
    const options = ['-y', 'validate', '--offline', '--cache-path', cache, '-p', 'process-run-crate', '-l', 'required', '--no-paging', '-v', '-f', 'json', '-o', report];
    const outcome = await runPython(['-c', 'from rocrate_validator.cli import cli; cli()', ...options, crate]);
    const judgement = JSON.parse(await readFile(report, 'utf8').catch(() => JSON.stringify({ passed: null, output: outcome.output }))) as Judgement;
    expect(outcome.code, outcome.output).toBe(judgement.passed ? 0 : 1);
    return judgement;
  }

  async function judgeBroken(name: string, change: (crate: Crate) => void): Promise<Judgement> {
    const copy = await copyOfBag(name);
    const file = join(copy, 'data', 'ro-crate-metadata.json');
    const crate = JSON.parse(await readFile(file, 'utf8')) as Crate;
    change(crate);
    await writeFile(file, JSON.stringify(crate));
    return judge(join(copy, 'data'));
  }

  const entity = (crate: Crate, id: string): Entity => {
    const found = crate['@graph'].find((candidate) => candidate['@id'] === id);
    if (found === undefined) throw new Error(`no entity ${id}`);
    return found;
  };

  it.each(['trainings', 'commands'])('accepts a bundle of %s, with no check left out', async (kind) => {
    const judgement = await judge(join(kind === 'commands' ? commands : bag, 'data'));
    expect(judgement.issues).toEqual([]);
    // The validator counts a check that crashed as skipped.
    expect(judgement).toMatchObject({ passed: true, skipped_checks: 0 });
  });

  it.each<[string, (crate: Crate) => void]>([
    ['an action without instrument', (crate) => delete entity(crate, '#run-run0abc')['instrument']],
    ['an instrument that is not software', (crate) => {
      const id = (entity(crate, '#run-run0abc')['instrument'] as { '@id': string })['@id'];
      entity(crate, id)['@type'] = 'Thing';
    }],
    ['a root without profile', (crate) => delete entity(crate, './')['conformsTo']],
    ['a profile that is not described', (crate) => (crate['@graph'] = crate['@graph'].filter((candidate) => candidate['@id'] !== 'https://w3id.org/ro/wfrun/process/0.5'))],
    ['a root without licence', (crate) => delete entity(crate, './')['license']],
    ['a root without date', (crate) => delete entity(crate, './')['datePublished']],
    ['a root without descriptor', (crate) => (crate['@graph'] = crate['@graph'].filter((candidate) => candidate['@id'] !== 'ro-crate-metadata.json'))],
    ['a file that no hasPart reaches', (crate) => {
      const root = entity(crate, './');
      root['hasPart'] = (root['hasPart'] as Entity[]).filter((part) => part['@id'] !== 'report.md');
    }],
    ['a term that is in no context', (crate) => (entity(crate, 'report.md')['madeUpTerm'] = 'x')],
    ['a nested object', (crate) => (entity(crate, './')['author'] = { '@type': 'Person', name: 'Nobody' })],
  ])('refuses %s', async (name, change) => {
    const judgement = await judgeBroken(name.replaceAll(' ', '-'), change);
    expect(judgement.passed).toBe(false);
    expect(judgement.issues.length).toBeGreaterThan(0);
  });
});
