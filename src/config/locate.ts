/** Places in a YAML text: where it breaks, and where a problem's path stands. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node, type Pair } from 'yaml';
import { READ_OPTIONS } from './yaml';

/** A stretch of the text; offsets in characters, lines from 1. */
export interface Place {
  readonly from: number;
  readonly to: number;
  readonly line: number;
}

export interface SyntaxProblem extends Place {
  readonly message: string;
}

/** A YAML text that can be read, or where and why it cannot. */
export type YamlReading =
  | { readonly ok: true; readonly value: unknown; readonly locate: (path: string) => Place }
  | { readonly ok: false; readonly problem: SyntaxProblem };

const text = (key: unknown): string | null => (isScalar(key) ? String(key.value) : null);

/** The key and value nodes that a path like `factors[0].levels[1].set.model.dropout` leads to; the nearest that exist where it leads nowhere. */
function nodesAt(document: Document.Parsed, path: string): { readonly key: unknown; readonly value: unknown } {
  let key: unknown = null;
  let value: unknown = document.contents;
  let rest = path === '(document)' ? '' : path;
  while (rest !== '') {
    if (isSeq(value)) {
      const index = /^\[(\d+)\]\.?/u.exec(rest);
      const item: unknown = index === null ? undefined : value.items[Number(index[1])];
      if (index === null || item === undefined) break;
      [key, value, rest] = [item, item, rest.slice(index[0].length)];
    } else if (isMap(value)) {
      const left = rest;
      // A key may itself have dots (`training.epochs` below `set`): the longest that fits is meant.
      const fitting = (value.items as Pair[]).filter((pair) => {
        const name = text(pair.key);
        return name !== null && name !== '' && (left === name || left.startsWith(`${name}.`) || left.startsWith(`${name}[`));
      });
      const [pair] = fitting.sort((a, b) => (text(b.key) ?? '').length - (text(a.key) ?? '').length);
      if (pair === undefined) break;
      [key, value, rest] = [pair.key, pair.value, left.slice((text(pair.key) ?? '').length).replace(/^\./u, '')];
    } else break;
  }
  return { key, value };
}

/** Where an alias stands that no anchor before it explains. */
function unresolvedAlias(document: Document.Parsed): readonly [from: number, to: number] | null {
  let found: readonly [number, number] | null = null;
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      const { range } = alias;
      if (range != null) found = [range[0], range[1]];
      return visit.BREAK;
    },
  });
  return found;
}

/** Reads YAML 1.2 into plain values and says where things are; never throws. */
export function readYaml(source: string): YamlReading {
  const lines = new LineCounter();
  const document = parseDocument(source, { ...READ_OPTIONS, lineCounter: lines });
  const place = (from: number, to: number): Place => ({ from, to: Math.max(from, to), line: lines.linePos(from).line });
  const [error] = document.errors;
  const broken = (message: string, at: Place): YamlReading => ({ ok: false, problem: { ...at, message } });
  if (error !== undefined) {
    const [from, to] = error.pos;
    const start = Math.min(from, source.length);
    return broken(error.message.split('\n')[0]?.replace(/ at line .*$/u, '') ?? 'not readable', place(start, Math.min(to, source.length)));
  }
  try {
    // As many aliases as `parseYaml` follows.
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return {
      ok: true,
      value,
      locate: (path) => {
        const nodes = nodesAt(document, path);
        const key = (nodes.key as Node | null)?.range;
        const content = (nodes.value as Node | null)?.range;
        if (key == null) return place(0, 0);
        // A whole block underlined would say nothing: the key stands for it.
        const inline = content != null && !source.slice(content[0], content[1]).includes('\n');
        return inline ? place(content[0], content[1]) : place(key[0], source.slice(key[0], key[1]).includes('\n') ? key[0] : key[1]);
      },
    };
  } catch (cause) {
    const [from, to] = unresolvedAlias(document) ?? [0, 0];
    return broken(cause instanceof Error ? cause.message : 'not readable', place(from, to));
  }
}
