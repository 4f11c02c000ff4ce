/** JSON as Python writes it: NaN and Infinity may stand in it. */

const BARE = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/gu;
/** Begins what stands for a bare number; no text of JSON that Python writes begins so. */
const MARK = '\u0000number:';

/** @throws SyntaxError */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!/NaN|Infinity/u.test(text)) throw error;
  }
  const marked = text.replace(BARE, (part) => (part.startsWith('"') ? part : JSON.stringify(`${MARK}${part}`)));
  return JSON.parse(marked, (_, value: unknown) => (typeof value === 'string' && value.startsWith(MARK) ? Number(value.slice(MARK.length)) : value)) as unknown;
}
