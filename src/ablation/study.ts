/** Reads and checks a study. What it returns expands without errors. */
import { isCommandConfig, type RunConfig } from '../config/command';
import { isMapping } from '../config/mapping';
import { parseConfig } from '../config/parse';
import { problemsOf, showValue } from '../config/problems';
import { RepriseError, type Problem } from '../errors/errors';
import { expandChecked, type Variant } from './expand';
import { overlaps } from './paths';
import { pathFactorSchema, setFactorSchema, studySchema, type Design, type StudyInput } from './schema';

/** One way a factor can stand other than in the baseline. */
export interface Level {
  /** `sgd`, `0.01`, or the label given in the study. */
  readonly label: string;
  /** The variant's name when this is the only level that differs from the baseline. */
  readonly variantName: string;
  readonly set: readonly { readonly path: string; readonly value: unknown }[];
}

export interface Factor {
  readonly name: string;
  readonly levels: readonly Level[];
}

/** A checked study. The baseline is complete and carries the study's experiment name and first seed. */
export interface Study {
  readonly experiment: string;
  readonly description: string;
  readonly baseline: RunConfig;
  readonly factors: readonly Factor[];
  readonly design: Design;
  readonly seeds: readonly number[];
}

/** The path of the baseline's file as a study names it, or null where the baseline is inline (or the study has no such form). */
export function baselinePath(input: unknown): string | null {
  const baseline = isMapping(input) ? input['baseline'] : undefined;
  return typeof baseline === 'string' && baseline !== '' ? baseline : null;
}

/** Labels only name a run; a variant that differs in them alone would be the baseline again. */
const LABEL_KEYS = ['experiment', 'author', 'description', 'tags'];

/**
 * Whether a leaf can be a factor. Seeds are varied by every study, labels and the environment spec change no number,
 * and variants are compared on one metric.
 */
export function canVary(path: string): boolean {
  const [root = ''] = path.split('.');
  return path !== 'seed' && path !== 'selection.metric' && root !== 'environment' && !LABEL_KEYS.includes(root);
}

function prefixed(prefix: string, problem: Problem): Problem {
  const separator = problem.path.startsWith('[') ? '' : '.';
  return { path: problem.path === '(document)' ? prefix : `${prefix}${separator}${problem.path}`, message: problem.message };
}

/** A level's value in a name: the `kind` of a part when that tells the levels apart, else the value itself. */
function levelLabels(levels: readonly unknown[]): string[] {
  const short = levels.map((level) => (isMapping(level) && typeof level['kind'] === 'string' ? level['kind'] : plain(level)));
  return short.map((name, index) => (short.indexOf(name) === short.lastIndexOf(name) ? name : plain(levels[index])));
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isMapping(value)) {
    const { kind, ...rest } = value;
    const fields = Object.entries(rest).map(([key, entry]) => `${key}=${plain(entry)}`).join(',');
    return typeof kind === 'string' ? `${kind}${fields === '' ? '' : `(${fields})`}` : `{${Object.entries(value).map(([key, entry]) => `${key}=${plain(entry)}`).join(',')}}`;
  }
  if (Array.isArray(value)) return `[${value.map((entry) => plain(entry)).join(',')}]`;
  return String(value);
}

function checkPath(path: string, at: string, problems: Problem[]): boolean {
  const [root = ''] = path.split('.');
  if (path === 'seed') {
    problems.push({ path: at, message: 'is "seed", which every study varies already; list the seeds under `seeds`' });
    return false;
  }
  if (LABEL_KEYS.includes(root)) {
    problems.push({ path: at, message: `is ${showValue(path)}, which only labels a run and changes nothing in it` });
    return false;
  }
  return true;
}

function readFactor(input: unknown, at: string, problems: Problem[]): Factor | null {
  const schema = isMapping(input) && Object.hasOwn(input, 'path') ? pathFactorSchema : setFactorSchema;
  const parsed = schema.safeParse(input);
  if (!parsed.success) {
    if (!isMapping(input) || (!Object.hasOwn(input, 'path') && !Object.hasOwn(input, 'name'))) {
      problems.push({ path: at, message: `is ${showValue(input)}, must be { path, levels } or { name, levels: [{ label, set }] }` });
    } else {
      problems.push(...problemsOf(schema, input, parsed.error).map((problem) => prefixed(at, problem)));
    }
    return null;
  }
  const factor = parsed.data;
  if ('path' in factor) {
    if (!checkPath(factor.path, `${at}.path`, problems)) return null;
    const name = factor.name ?? factor.path.replace(/^params\./u, '');
    const labels = levelLabels(factor.levels);
    return {
      name,
      levels: factor.levels.map((value, index) => ({
        label: labels[index] ?? '',
        variantName: `${name}=${labels[index]}`,
        set: [{ path: factor.path, value }],
      })),
    };
  }
  const before = problems.length;
  const levels = factor.levels.map((level, index): Level => {
    const paths = Object.keys(level.set);
    for (const [position, path] of paths.entries()) {
      const where = `${at}.levels[${index}].set.${path}`;
      checkPath(path, where, problems);
      const other = paths.slice(0, position).find((earlier) => overlaps(earlier, path));
      if (other !== undefined) problems.push({ path: where, message: `overlaps with ${showValue(other)}, set by the same level; write one of the two` });
    }
    return { label: level.label, variantName: level.label, set: Object.entries(level.set).map(([path, value]) => ({ path, value })) };
  });
  return problems.length > before ? null : { name: factor.name, levels };
}

function invalid(problems: readonly Problem[]): RepriseError {
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new RepriseError('STUDY_INVALID', `study: ${first?.path ?? '(document)'} ${first?.message ?? 'is not a study'}${more}`, {
    kind: 'input',
    hint: 'Correct the values listed and try again; nothing was run.',
    problems,
  });
}

/**
 * Checks a study and every config it leads to.
 * @param baseline the content of the baseline's file, already read, where `baselinePath(input)` names one; otherwise undefined
 * @throws RepriseError STUDY_INVALID with every problem at once
 */
export function parseStudy(input: unknown, baseline?: unknown): Study {
  return parseAndExpand(input, baseline).study;
}

/** The same with the study's variants, baseline first. @throws RepriseError STUDY_INVALID with every problem at once */
export function parseAndExpand(input: unknown, baseline?: unknown): { readonly study: Study; readonly variants: readonly Variant[] } {
  const outer = studySchema.safeParse(input);
  const problems: Problem[] = outer.success ? [] : problemsOf(studySchema, input, outer.error);
  const raw = isMapping(input) ? input : {};

  const seeds = Array.isArray(raw['seeds']) ? (raw['seeds'] as unknown[]) : [];
  for (const [index, seed] of seeds.entries()) {
    if (seeds.indexOf(seed) < index) problems.push({ path: `seeds[${index}]`, message: `is ${showValue(seed)}, listed twice; a seed is run once` });
  }

  const factors: Factor[] = [];
  for (const [index, entry] of (Array.isArray(raw['factors']) ? (raw['factors'] as unknown[]) : []).entries()) {
    const factor = readFactor(entry, `factors[${index}]`, problems);
    if (factor === null) continue;
    if (factors.some((earlier) => earlier.name === factor.name)) problems.push({ path: `factors[${index}]`, message: `is a second factor named ${showValue(factor.name)}; put its levels into the first` });
    factors.push(factor);
  }

  const file = baselinePath(input);
  const content = file === null ? raw['baseline'] : baseline;
  let complete: RunConfig | null = null;
  if (isMapping(content)) {
    const labelled = { seed: seeds[0] ?? 0, ...content, ...(typeof raw['experiment'] === 'string' ? { experiment: raw['experiment'] } : {}) };
    try {
      complete = parseConfig(labelled, file ?? 'baseline');
    } catch (error) {
      if (!(error instanceof RepriseError)) throw error;
      // A bad experiment name is the study's and reported there; a bad seed may be its first seed.
      problems.push(...error.problems.filter((problem) => problem.path !== 'experiment' && (problem.path !== 'seed' || Object.hasOwn(content, 'seed'))).map((problem) => prefixed('baseline', problem)));
    }
    if (complete !== null && isCommandConfig(complete) && complete.selection === undefined) {
      problems.push({ path: 'baseline.selection', message: 'is missing; a study says by which metric its variants are compared, such as selection: { metric: val_loss, goal: minimize }' });
    }
  } else if (file !== null) {
    problems.push({ path: 'baseline', message: content === undefined ? `is ${showValue(file)}, a file that was not read` : `is ${showValue(file)}, a file that does not hold a config` });
  }

  if (problems.length > 0 || !outer.success || complete === null) throw invalid(problems);
  const study: Study = {
    experiment: outer.data.experiment,
    description: outer.data.description,
    baseline: { ...complete, seed: outer.data.seeds[0] ?? complete.seed },
    factors,
    design: outer.data.design,
    seeds: outer.data.seeds,
  };
  const expanded = expandChecked(study);
  if (expanded.problems.length > 0) throw invalid(expanded.problems);
  return { study, variants: expanded.variants };
}

/** The study in one document with its baseline inline and complete: what a report or a bundle hands on. Parses to the same study. */
export function selfContainedStudy(study: Study): StudyInput {
  return {
    experiment: study.experiment,
    ...(study.description === '' ? {} : { description: study.description }),
    design: study.design,
    seeds: [...study.seeds],
    factors: study.factors.map((factor) => {
      const only = factor.levels[0]?.set[0];
      const single = only !== undefined && factor.levels.every((level) => level.variantName !== level.label);
      if (!single) return { name: factor.name, levels: factor.levels.map((level) => ({ label: level.label, set: Object.fromEntries(level.set.map(({ path, value }) => [path, value])) })) };
      return {
        path: only.path,
        ...(factor.name === only.path.replace(/^params\./u, '') ? {} : { name: factor.name }),
        levels: factor.levels.map((level) => level.set[0]?.value),
      };
    }),
    baseline: study.baseline,
  };
}
