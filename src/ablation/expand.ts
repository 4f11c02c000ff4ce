/** A study's variants: one config each, seed left open. */
import { isCommandConfig, type RunConfig } from '../config/command';
import { variantHash } from '../config/hash';
import { parseConfig } from '../config/parse';
import { showValue } from '../config/problems';
import { drawsNoise } from '../config/schema';
import { SEED_VARIABLE, seedIsUsed, unusedParameters } from '../config/task';
import { RepriseError, type Problem } from '../errors/errors';
import { changesBetween, overlaps, withValue, type Change } from './paths';
import { MAX_RUNS } from './schema';
import type { Level, Study } from './study';

export const BASELINE_NAME = 'baseline';

/** One config of a study. Its seed is the study's first; `configFor` gives the others. */
export interface Variant {
  /** `baseline`, `training.optimizer=sgd`, a level's label; in a grid the levels that differ, joined by `, `. */
  readonly name: string;
  readonly config: RunConfig;
  /** Differences to the baseline, as values of the complete configs. */
  readonly changes: readonly Change[];
}

/** A level with its place in the study, for messages. */
interface Placed {
  readonly level: Level;
  readonly at: string;
}

/** Most problems with single variants that are listed; a broken factor breaks half a grid. */
const MOST_PROBLEMS = 20;

function placedLevels(study: Study): Placed[][] {
  return study.factors.map((factor, f) => factor.levels.map((level, l) => ({ level, at: `factors[${f}].levels[${l}]` })));
}

/** Every combination of the factors' levels, the baseline's own level (null) first; the last factor varies fastest. */
function combinations(levels: readonly (readonly Placed[])[]): Placed[][] {
  let rows: Placed[][] = [[]];
  for (const factor of levels) rows = rows.flatMap((row) => [row, ...factor.map((placed) => [...row, placed])]);
  return rows;
}

function build(study: Study, chosen: readonly Placed[]): { readonly config: RunConfig | null; readonly problems: readonly Problem[] } {
  let raw: unknown = study.baseline;
  for (const { level } of chosen) for (const { path, value } of level.set) raw = withValue(raw, path, value);
  try {
    return { config: parseConfig(raw), problems: [] };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return { config: null, problems: error.problems };
  }
}

/** What a problem of a variant's config means for the study, said at the level that causes it. */
function levelProblem(placed: Placed, name: string, problem: Problem): Problem {
  const unknown = problem.message.startsWith('is an unknown key')
    ? placed.level.set.find(({ path }) => path === problem.path || path.startsWith(`${problem.path}.`))
    : undefined;
  if (unknown !== undefined) {
    const shown = unknown.path === problem.path ? '' : ` at ${showValue(problem.path)}`;
    return { path: placed.at.replace(/\.levels\[\d+\]$/u, ''), message: `path ${showValue(unknown.path)} is not part of the baseline config${shown}: ${problem.message}` };
  }
  const kind = placed.level.set.find(({ path }) => path.endsWith('.kind'));
  if (kind !== undefined && problem.message.startsWith('is an unknown key')) {
    return { path: placed.at, message: `changes ${showValue(kind.path)} by itself, which leaves the keys of the other kind behind; set ${showValue(kind.path.slice(0, -'.kind'.length))} as a whole` };
  }
  return { path: placed.at, message: `gives an invalid config (variant ${showValue(name)}): ${problem.path} ${problem.message}` };
}

/** Whether the study's seeds reach any random number of the run; of a command, whether it is told them. */
function seedsMatter(config: RunConfig): boolean {
  if (isCommandConfig(config)) return seedIsUsed(config);
  const { init, order, noise } = config.seeds;
  return init === undefined || order === undefined || (noise === undefined && drawsNoise(config));
}

/** What is wrong where several seeds would repeat one run. */
function seedProblem(config: RunConfig, seeds: number): Problem {
  if (!isCommandConfig(config)) return { path: 'baseline.seeds', message: `fixes every random number of a run, so the ${seeds} seeds would repeat one run; leave init, order or noise open` };
  return { path: 'baseline.task', message: `never says its seed to the command, so the ${seeds} seeds would repeat one run; put {seed} into the command, or env: { ${SEED_VARIABLE}: "{seed}" } where the program reads that variable` };
}

/** Levels whose parameter nothing uses would all compute the same. */
function unusedProblems(config: RunConfig, chosen: readonly Placed[]): Problem[] {
  const unused = isCommandConfig(config) ? unusedParameters(config) : [];
  return chosen.flatMap(({ level, at }) =>
    level.set
      .filter(({ path }) => unused.some((name) => overlaps(`params.${name}`, path)))
      .map(({ path }) => ({ path: at.replace(/\.levels\[\d+\]$/u, ''), message: `varies ${showValue(path)}, which nothing uses: no {${path.slice('params.'.length)}} stands in the task, and no parameter file is written` })),
  );
}

/** The variants and everything that is wrong with them. Variants are complete only when there are no problems. */
export function expandChecked(study: Study): { readonly variants: readonly Variant[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const levels = placedLevels(study);
  const sizes = levels.map((factor) => factor.length);
  const variantCount = study.design === 'grid' ? sizes.reduce((product, size) => product * (size + 1), 1) : sizes.reduce((sum, size) => sum + size, 1);
  const runs = variantCount * study.seeds.length;
  if (runs > MAX_RUNS) {
    problems.push({ path: 'factors', message: `give ${variantCount} variants × ${study.seeds.length} ${study.seeds.length === 1 ? 'seed' : 'seeds'} = ${runs} runs, must be at most ${MAX_RUNS}` });
    return { variants: [], problems };
  }

  const baseline: Variant = { name: BASELINE_NAME, config: study.baseline, changes: [] };
  const variants: Variant[] = [baseline];
  const byHash = new Map<string, string>([[variantHash(study.baseline), BASELINE_NAME]]);
  const names = new Set<string>([BASELINE_NAME]);
  if (study.seeds.length > 1 && !seedsMatter(study.baseline)) {
    problems.push(seedProblem(study.baseline, study.seeds.length));
  }

  if (study.design === 'grid') {
    for (const [f, factor] of levels.entries()) {
      for (const earlier of levels.slice(0, f)) {
        const clash = factor.flatMap(({ level }) => level.set).find(({ path }) => earlier.some(({ level }) => level.set.some((other) => overlaps(other.path, path))));
        if (clash !== undefined) problems.push({ path: `factors[${f}]`, message: `sets ${showValue(clash.path)}, which another factor sets too; a grid needs factors that do not touch` });
      }
    }
  }

  const add = (chosen: readonly Placed[]): void => {
    const name = chosen.map(({ level }) => level.variantName).join(', ');
    const last = chosen.at(-1);
    if (last === undefined) return;
    const { config, problems: found } = build(study, chosen);
    if (config === null) {
      for (const problem of found) {
        const placed = chosen.find(({ level }) => level.set.some(({ path }) => overlaps(path, problem.path.replaceAll(/\[\d+\]/gu, '')))) ?? last;
        problems.push(levelProblem(placed, name, problem));
      }
      return;
    }
    const hash = variantHash(config);
    const twin = byHash.get(hash);
    if (twin !== undefined) problems.push({ path: last.at, message: twin === BASELINE_NAME ? `equals the baseline (variant ${showValue(name)}); leave it out` : `repeats variant ${showValue(twin)} (as ${showValue(name)}); leave it out` });
    else if (names.has(name)) problems.push({ path: last.at, message: `is a second variant named ${showValue(name)}; give it another label` });
    if (config.selection?.metric !== study.baseline.selection?.metric) problems.push({ path: last.at, message: `changes selection.metric to ${showValue(config.selection?.metric)} (variant ${showValue(name)}); variants are compared on one metric` });
    if (study.seeds.length > 1 && seedsMatter(study.baseline) && !seedsMatter(config)) problems.push({ path: last.at, message: `${isCommandConfig(config) ? 'never says its seed to the command' : 'fixes every random number of a run'} (variant ${showValue(name)}), so its seeds would repeat one run` });
    problems.push(...unusedProblems(config, chosen));
    if (twin === undefined) byHash.set(hash, name);
    names.add(name);
    variants.push({ name, config, changes: changesBetween(study.baseline, config) });
  };

  for (const placed of levels.flat()) add([placed]);
  if (study.design === 'grid' && problems.length === 0) {
    const singles = new Map(variants.map((variant) => [variant.name, variant]));
    variants.length = 0;
    for (const row of combinations(levels)) {
      const single = row.length > 1 ? undefined : singles.get(row[0]?.level.variantName ?? BASELINE_NAME);
      if (single === undefined) add(row);
      else variants.push(single);
      if (problems.length >= MOST_PROBLEMS) break;
    }
  }
  return { variants, problems: unique(problems).slice(0, MOST_PROBLEMS) };
}

function unique(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ path, message }) => {
    const key = `${path}\n${message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * The variants of a study, baseline first. One-at-a-time: one variant a level, in the order written.
 * Grid: every combination, the baseline's own level included for each factor, last factor fastest.
 * @throws RepriseError STUDY_INVALID for a study that `parseStudy` would refuse
 */
export function expandStudy(study: Study): Variant[] {
  const { variants, problems } = expandChecked(study);
  const first = problems[0];
  if (first !== undefined) throw new RepriseError('STUDY_INVALID', `study: ${first.path} ${first.message}`, { kind: 'input', problems });
  return [...variants];
}

/** The variant's config for one seed. */
export function configFor(variant: Pick<Variant, 'config'>, seed: number): RunConfig {
  return { ...variant.config, seed };
}
