/** A study's text as an editor shows it: what it says, what is wrong and where, and the variants it leads to. */
import { readYaml, type Place, type SyntaxProblem } from '../config/locate';
import { RepriseError, type Problem } from '../errors/errors';
import type { Variant } from './expand';
import { isMapping } from '../config/mapping';
import { baselinePath, parseAndExpand, type Study } from './study';

export interface PlacedProblem extends Problem, Place {}

export interface StudyReading {
  /** The values as they are written. */
  readonly input: unknown;
  /** The baseline's file where it is not inline: then the engine alone can read the study. */
  readonly file: string | null;
  /** null while there are problems, or the baseline is a file. */
  readonly study: Study | null;
  readonly variants: readonly Variant[];
  readonly problems: readonly PlacedProblem[];
  readonly locate: (path: string) => Place;
}

export type TextReading = { readonly ok: true; readonly reading: StudyReading } | { readonly ok: false; readonly problem: SyntaxProblem };

function checked(input: unknown, file: string | null): Pick<StudyReading, 'study' | 'variants'> & { readonly problems: readonly Problem[] } {
  try {
    return { ...parseAndExpand(input), problems: [] };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    // That the file is not read here is no fault of the study.
    return { study: null, variants: [], problems: error.problems.filter(({ path }) => file === null || path !== 'baseline') };
  }
}

/** Reads a study's text; never throws. */
export function readStudyText(text: string): TextReading {
  const yaml = readYaml(text);
  if (!yaml.ok) return yaml;
  const input = yaml.value ?? {};
  if (!isMapping(input)) return { ok: false, problem: { from: 0, to: 0, line: 1, message: 'A study is a mapping of names to values' } };
  const file = baselinePath(input);
  const { study, variants, problems } = checked(input, file);
  return {
    ok: true,
    reading: { input, file, study, variants, problems: problems.map((problem) => ({ ...problem, ...yaml.locate(problem.path) })), locate: yaml.locate },
  };
}
