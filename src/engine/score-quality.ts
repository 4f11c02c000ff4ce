/** How completely a run is written down: configuration, metadata, documentation, each in percent. */
import type { Score } from '../api/provenance';
import type { RunManifest } from '../events/manifest';
import type { Snapshot } from '../events/snapshot';
import type { Fact, Outcome } from './score-facts';

export type Quality = Score['quality'][number];

interface Item {
  readonly name: string;
  readonly there: boolean;
}

function quality(name: Quality['name'], definition: string, items: readonly Item[]): Quality {
  const there = items.filter((item) => item.there).length;
  return { name, definition, percent: items.length === 0 ? 0 : (100 * there) / items.length, missing: items.filter((item) => !item.there).map((item) => item.name) };
}

/** What decides the numbers: without one of these a run cannot be set up again. */
const DECIDING = new Set(['code.commit', 'code.stored', 'environment.interpreter', 'environment.runtime', 'environment.pinned', 'environment.image', 'environment.spec', 'seed', 'determinism', 'data.fingerprint', 'result.metric']);

function labelsOf(manifest: RunManifest, outcome: Outcome | null): { readonly experiment: string; readonly author: string; readonly description: string; readonly tags: number } {
  if (manifest.kind !== 'logged') {
    const { experiment, author, description, tags } = manifest.config;
    return { experiment, author, description, tags: tags.length };
  }
  const tags = outcome?.logged?.tags ?? {};
  return { experiment: manifest.experiment, author: manifest.user, description: tags['mlflow.note.content'] ?? '', tags: Object.keys(tags).filter((name) => !name.startsWith('mlflow.')).length };
}

/** Words of a description: more than a label, but not yet a text. */
const FEW_WORDS = 5;
const MANY_WORDS = 20;

/** @param snapshot the files of the code; null where they are not kept */
export function qualityOf(manifest: RunManifest, facts: readonly Fact[], outcome: Outcome | null, snapshot: Snapshot | null): Quality[] {
  const labels = labelsOf(manifest, outcome);
  const words = labels.description.trim().split(/\s+/u).filter((word) => word !== '').length;
  const licensed = facts.find(({ id }) => id === 'data.license');
  // At the top of the code or beside the config: a file of a dependency says nothing about this run.
  const folder = manifest.kind === 'logged' ? '' : (manifest.provenance.code?.folder ?? '');
  const beside = new Set(['', folder]);
  const has = (pattern: RegExp): boolean => snapshot?.files.some(({ path, bytes }) => bytes > 0 && beside.has(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '') && pattern.test(path.slice(path.lastIndexOf('/') + 1))) === true;
  return [
    quality(
      'Configuration completeness',
      'Share of what decides the numbers that is recorded and exact: commit, stored code, interpreter or runtime, pinned packages, stated environment, seed, determinism, data, metric.',
      facts.filter(({ id }) => DECIDING.has(id)).map(({ title, state }) => ({ name: title, there: state === 'good' })),
    ),
    quality('Metadata quality', `Share of the labels that are filled in: name, author, description, a description of at least ${String(FEW_WORDS)} words, tags, licence of the data.`, [
      { name: 'Name', there: labels.experiment !== 'untitled' },
      { name: 'Author', there: labels.author.trim() !== '' },
      { name: 'Description', there: words > 0 },
      { name: `Description of ${String(FEW_WORDS)} words`, there: words >= FEW_WORDS },
      { name: 'Tags', there: labels.tags > 0 },
      ...(licensed === undefined ? [] : [{ name: 'Licence of the data', there: licensed.state === 'good' }]),
    ]),
    quality('Documentation quality', `Share of what a stranger needs to repeat the run and finds with it: a README, a licence of the code, how to cite it, which packages it needs, a description of at least ${String(MANY_WORDS)} words.`, [
      { name: 'README', there: has(/^readme(?:\.\w+)?$/iu) },
      { name: 'Licence of the code', there: has(/^(?:licen[cs]e|copying|unlicense)(?:[.-].*)?$/iu) },
      { name: 'CITATION.cff', there: has(/^citation\.(?:cff|bib)$/iu) },
      { name: 'List of packages', there: has(/^(?:requirements.*\.txt|environment.*\.ya?ml|pyproject\.toml|uv\.lock|poetry\.lock|pdm\.lock|pipfile(?:\.lock)?|conda-lock\.ya?ml|package(?:-lock)?\.json)$/iu) },
      { name: `Description of ${String(MANY_WORDS)} words`, there: words >= MANY_WORDS },
    ]),
  ];
}
