import { isMap, parseDocument, stringify, type Document } from 'yaml';
import { RepriseError } from '../errors/errors';

const READ_OPTIONS = { schema: 'core', uniqueKeys: true, strict: true, version: '1.2' } as const;

function readDocument(text: string, source: string): Document.Parsed {
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

export type YamlEdit = { readonly path: readonly (string | number)[]; readonly value: unknown } | { readonly path: readonly (string | number)[]; readonly remove: true };

/**
 * Changes single values of a YAML text and leaves comments, order and everything else as it stood.
 * @throws RepriseError YAML_INVALID when the text cannot be read or a path runs through a scalar
 */
export function editYaml(text: string, edits: readonly YamlEdit[], source = 'config'): string {
  const document = readDocument(text, source);
  if (document.contents === null) document.contents = document.createNode({}) as unknown as typeof document.contents;
  if (!isMap(document.contents)) throw new RepriseError('YAML_INVALID', `${source}: the document must be a mapping`, { kind: 'input' });
  for (const edit of edits) {
    try {
      if ('remove' in edit) {
        document.deleteIn(edit.path);
        continue;
      }
      const old = document.getIn(edit.path, true);
      const next = document.createNode(edit.value);
      // A comment behind or before a value belongs to the key, not to the old value.
      if (typeof old === 'object' && old !== null) {
        const from = old as { comment?: string | null; commentBefore?: string | null };
        if (from.comment != null) next.comment = from.comment;
        if (from.commentBefore != null) next.commentBefore = from.commentBefore;
      }
      document.setIn(edit.path, next);
    } catch (error) {
      throw new RepriseError('YAML_INVALID', `${source}: ${edit.path.join('.')} cannot be set: ${error instanceof Error ? error.message : 'not a mapping'}`, { kind: 'input', cause: error });
    }
  }
  return document.toString({ lineWidth: 0 });
}
