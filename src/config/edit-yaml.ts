/**
 * Changes single values of a YAML text. Whatever is not changed keeps its bytes: comments, order, quotes, blank lines,
 * the author's own way to write a list.
 */
import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, stringify, type Document, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { RepriseError } from '../errors/errors';
import { sameValue } from './diff';
import { isMapping } from './mapping';
import { readDocument } from './yaml';

export type YamlPath = readonly (string | number)[];
export type YamlEdit = { readonly path: YamlPath; readonly value: unknown } | { readonly path: YamlPath; readonly remove: true };

/** A piece of text that takes the place of another. */
interface Splice {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** A value on one line: `[64, 32]`, `{ kind: sgd, momentum: 0.9 }`, scalars quoted where a list would tear them apart. */
export function inlineYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((entry) => inlineYaml(entry)).join(', ')}]`;
  if (isMapping(value)) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return entries.length === 0 ? '{}' : `{ ${entries.map(([key, entry]) => `${inlineYaml(key)}: ${inlineYaml(entry)}`).join(', ')} }`;
  }
  // Inside a list the writer quotes commas and brackets too.
  return stringify([value], { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0, schema: 'core', version: '1.2' }).trimEnd().slice(1, -1);
}

/** An entry of a block list whose `-` stands at `column`: mappings a key a line, anything else on one line. */
function blockItem(value: unknown, column: number): string {
  if (!isMapping(value) || Object.keys(value).length === 0) return `- ${inlineYaml(value)}`;
  const indent = ' '.repeat(column + 2);
  return `- ${Object.entries(value).map(([key, entry]) => `${inlineYaml(key)}:${below(entry, column + 2)}`).join(`\n${indent}`)}`;
}

/** What stands behind the colon of a key at `column`: lists of mappings as a block, anything else on the line. */
function below(value: unknown, column: number): string {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isMapping)) return ` ${inlineYaml(value)}`;
  const indent = ' '.repeat(column + 2);
  return value.map((entry) => `\n${indent}${blockItem(entry, column + 2)}`).join('');
}

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}
const startOf = (node: unknown): number | null => (node as Node | null)?.range?.[0] ?? null;
const endOf = (node: unknown): number | null => (node as Node | null)?.range?.[1] ?? null;

/** Where an entry of a collection begins and its content ends. */
function extent(entry: unknown): { readonly from: number; readonly to: number } | null {
  const first = isPair(entry) ? (entry as Pair).key : entry;
  const last = isPair(entry) ? ((entry as Pair).value ?? (entry as Pair).key) : entry;
  const from = startOf(first);
  const to = endOf(last);
  return from === null || to === null ? null : { from, to: Math.max(from, to) };
}

/** The end of the last line that has content of an entry; a block's own range also covers what follows it. */
function lastLine(text: string, to: number): number {
  const content = text.slice(0, to).trimEnd().length;
  return lineEnd(text, content);
}

const isFlow = (collection: YAMLMap | YAMLSeq): boolean => collection.flow === true;

function replaceValue(text: string, node: Node, value: unknown): Splice | null {
  const [from, to] = [startOf(node), endOf(node)];
  if (from === null || to === null || isAlias(node) || (isCollection(node) && !isFlow(node as YAMLMap))) return null;
  if (isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED')) return null;
  if (isSeq(node) && node.items.length === 0 && Array.isArray(value) && value.some(isMapping)) {
    const column = text.slice(lineStart(text, from), from).search(/\S/u);
    return { from: text.slice(0, from).trimEnd().length, to, text: below(value, column) };
  }
  const space = from === to && text[from - 1] !== ' ' ? ' ' : '';
  return { from, to, text: space + inlineYaml(value) };
}

/** Adds an entry at the end of a collection. */
function append(text: string, collection: YAMLMap | YAMLSeq, key: string | number, value: unknown): Splice | null {
  const entry = isMap(collection) ? `${inlineYaml(key)}: ${inlineYaml(value)}` : inlineYaml(value);
  const last = extent(collection.items.at(-1));
  if (isFlow(collection)) {
    const [from, to] = [startOf(collection), endOf(collection)];
    if (from === null || to === null) return null;
    if (last !== null) return { from: last.to, to: last.to, text: `, ${entry}` };
    return { from, to, text: isMap(collection) ? `{ ${entry} }` : `[${entry}]` };
  }
  const first = extent(collection.items[0]);
  if (first === null || last === null) return null;
  const line = lineStart(text, first.from);
  const at = lastLine(text, last.to);
  if (isMap(collection)) {
    const column = first.from - line;
    return { from: at, to: at, text: `\n${' '.repeat(column)}${inlineYaml(key)}:${below(value, column)}` };
  }
  const column = text.slice(line, first.from).lastIndexOf('-');
  return column === -1 ? null : { from: at, to: at, text: `\n${' '.repeat(column)}${blockItem(value, column)}` };
}

/** Takes an entry out of a collection that has others; comments on lines of their own stay. */
function takeOut(text: string, collection: YAMLMap | YAMLSeq, index: number): Splice | null {
  const entry = extent(collection.items[index]);
  if (entry === null) return null;
  if (isFlow(collection)) {
    const next = extent(collection.items[index + 1]);
    const previous = extent(collection.items[index - 1]);
    if (next !== null) return { from: entry.from, to: next.from, text: '' };
    return previous === null ? null : { from: previous.to, to: entry.to, text: '' };
  }
  const from = lineStart(text, entry.from);
  // The first key of a list's entry shares its line with the dash.
  if (isMap(collection) && text.slice(from, entry.from).trim() !== '') return null;
  const end = lastLine(text, entry.to);
  return end < text.length ? { from, to: end + 1, text: '' } : { from: Math.max(0, from - 1), to: end, text: '' };
}

/** The splice that makes an edit, or null where the text's form is too unusual for one. */
function spliceFor(text: string, document: Document.Parsed, edit: YamlEdit): Splice | null {
  let node: unknown = document.contents;
  for (const [depth, step] of edit.path.entries()) {
    if (!isCollection(node)) return null;
    const collection = node as YAMLMap | YAMLSeq;
    const child: unknown = collection.get(step as never, true);
    const last = depth === edit.path.length - 1;
    if ('remove' in edit) {
      if (last) {
        const index = isMap(collection) ? collection.items.findIndex(({ key }) => isScalar(key) && key.value === step) : Number(step);
        if (collection.items.length > 1) return takeOut(text, collection, index);
        const [from, to] = [startOf(collection), endOf(collection)];
        if (from === null || to === null || depth === 0) return null;
        const empty = isMap(collection) ? '{}' : '[]';
        if (isFlow(collection)) return { from, to, text: empty };
        const key = text.slice(0, lineStart(text, from)).trimEnd();
        return key.endsWith(':') ? { from: key.length, to: lastLine(text, to), text: ` ${empty}` } : null;
      }
    } else if (child === undefined || (isScalar(child) && child.value === null && !last)) {
      // What is missing on the way comes with the value.
      const wrapped = edit.path.slice(depth + 1).reduceRight<unknown>((inner, part) => ({ [part]: inner }), edit.value);
      return child === undefined ? append(text, collection, step, wrapped) : replaceValue(text, child as Node, wrapped);
    } else if (last) {
      return replaceValue(text, child as Node, edit.value);
    }
    node = child;
  }
  return null;
}

function holds(text: string, wanted: unknown): boolean {
  try {
    return sameValue(readDocument(text, '').toJS(), wanted);
  } catch {
    return false;
  }
}

/** The same edit on the parsed document: its values are right by construction, its layout is the library's. */
function editDocument(document: Document.Parsed, edit: YamlEdit): void {
  if ('remove' in edit) {
    document.deleteIn(edit.path);
    return;
  }
  for (let depth = 1; depth < edit.path.length; depth += 1) {
    const parent: unknown = document.getIn(edit.path.slice(0, depth), true);
    if (isScalar(parent) && parent.value === null) document.setIn(edit.path.slice(0, depth), document.createNode({}));
  }
  const old = document.getIn(edit.path, true) as { comment?: string | null; commentBefore?: string | null; flow?: boolean } | undefined;
  const next = document.createNode(edit.value) as Node & { flow?: boolean };
  // A comment behind or before a value belongs to the key, not to the old value.
  if (old?.comment != null) next.comment = old.comment;
  if (old?.commentBefore != null) next.commentBefore = old.commentBefore;
  if (isCollection(next) && old?.flow === true) next.flow = true;
  document.setIn(edit.path, next);
}

function editOnce(text: string, edit: YamlEdit, source: string): string {
  const document = readDocument(text, source);
  if (document.contents === null) document.contents = document.createNode({}) as unknown as typeof document.contents;
  if (!isMap(document.contents)) throw new RepriseError('YAML_INVALID', `${source}: the document must be a mapping`, { kind: 'input' });
  const splice = spliceFor(text, document, edit);
  try {
    editDocument(document, edit);
  } catch (error) {
    throw new RepriseError('YAML_INVALID', `${source}: ${edit.path.join('.')} cannot be set: ${error instanceof Error ? error.message : 'not a mapping'}`, { kind: 'input', cause: error });
  }
  if (splice !== null) {
    const edited = text.slice(0, splice.from) + splice.text + text.slice(splice.to);
    if (holds(edited, document.toJS())) return edited;
  }
  return document.toString({ lineWidth: 0 });
}

/**
 * Changes single values of a YAML text, one after the other. A text whose form is too unusual to be changed in place
 * (aliases, a block that becomes another) is written anew, with its comments, its order and exactly the same values.
 * @throws RepriseError YAML_INVALID when the text cannot be read or a path runs through a scalar
 */
export function editYaml(text: string, edits: readonly YamlEdit[], source = 'config'): string {
  return edits.reduce((edited, edit) => editOnce(edited, edit, source), text);
}
