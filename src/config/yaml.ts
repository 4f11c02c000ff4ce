import { parseDocument, stringify, type Document } from 'yaml';
import { RepriseError } from '../errors/errors';

/** How every YAML text is read: version 1.2, keys once. */
export const READ_OPTIONS = { schema: 'core', uniqueKeys: true, strict: true, version: '1.2' } as const;

/** The document with its nodes, their comments and places. @throws RepriseError YAML_INVALID */
export function readDocument(text: string, source: string): Document.Parsed {
  const document = parseDocument(text, READ_OPTIONS);
  const problem = document.errors[0];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    const reason = problem.message.split('\n')[0]?.replace(/ at line .*$/u, '') ?? 'not readable';
    throw new RepriseError('YAML_INVALID', `${source}${line === undefined ? '' : `, line ${line}`}: ${reason}`, {
      kind: 'input',
      hint: 'The file must be YAML 1.2 or JSON.',
    });
  }
  return document;
}

/**
 * Reads YAML 1.2 (core schema; JSON is a subset of it) into plain values.
 * @throws RepriseError YAML_INVALID with file and line
 */
export function parseYaml(text: string, source: string): unknown {
  const document = readDocument(text, source);
  try {
    // A few aliases are convenience, thousands are an attack ("billion laughs").
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    throw new RepriseError('YAML_INVALID', `${source}: ${error instanceof Error ? error.message : 'not readable'}`, { kind: 'input', cause: error });
  }
}

/** Plain values as YAML, keys in the order given, no line folded. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, version: '1.2', schema: 'core' });
}
