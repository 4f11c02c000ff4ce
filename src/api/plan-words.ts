/** What a plan says of itself, in the window and on the command line alike. */
import type { StudyPlan } from './rows';

/** Why finished runs do not stand in, where it is their code; null where it is not. */
export function changedCodeInWords({ changedCode }: Pick<StudyPlan, 'changedCode'>): string | null {
  if (changedCode === null) return null;
  const { runs, since, files, total } = changedCode;
  const named = total === 0 ? 'which files is not known any more' : `${files.join(', ')}${total > files.length ? ` and ${total - files.length} more` : ''}`;
  return `${runs} ${runs === 1 ? 'run is' : 'runs are'} not reused because the code changed after run ${since}: ${named}`;
}
