import { leakageInWords, unknownInWords, type DataRef } from '../events/manifest';

/** What makes the metrics on these data tell less than they seem to. */
export function dataWarnings({ leakage, unknownCharacters }: Pick<DataRef, 'leakage' | 'unknownCharacters'>): string[] {
  const leaked = leakage === undefined ? null : leakageInWords(leakage);
  const unknown = unknownCharacters === undefined ? null : unknownInWords(unknownCharacters);
  return [
    ...(leaked === null ? [] : [`The splits are not apart: ${leaked}. Metrics on these examples tell less than they seem to.`]),
    ...(unknown === null ? [] : [`${unknown.charAt(0).toUpperCase()}${unknown.slice(1)}: they count as one unknown character that is never trained.`]),
  ];
}
