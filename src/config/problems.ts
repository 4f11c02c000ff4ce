import type { z } from 'zod';
import type { Problem } from '../errors/errors';

/** `model.hidden[0]` for a zod path. */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : `${text === '' ? '' : '.'}${String(part)}`;
  return text;
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** A value as it is shown in a message, cut at 60 characters. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** Edits between two words, to suggest a name; two neighbours swapped are one edit (optimal string alignment). Case and underscores do not count. */
function distance(left: string, right: string): number {
  const a = left.toLowerCase().replaceAll(/[_-]/gu, '');
  const b = right.toLowerCase().replaceAll(/[_-]/gu, '');
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i += 1) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let edits = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, at(i - 2, j - 2) + 1);
      rows[i]?.push(edits);
    }
  }
  return at(a.length, b.length);
}

/** The known name nearest to an unknown one, when near enough to be a slip of the pen. */
export function nearest(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const d = distance(name, candidate);
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}

interface ObjectDefinition {
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly innerType?: unknown;
  readonly options?: readonly unknown[];
  readonly element?: unknown;
  readonly discriminator?: string;
  readonly values?: readonly unknown[];
}

function definitionOf(schema: unknown): ObjectDefinition & { readonly type?: string } {
  return ((schema as { def?: ObjectDefinition }).def ?? {}) as ObjectDefinition & { type?: string };
}

/** Peels defaults, optionals and the like off a schema. */
function unwrap(schema: unknown): unknown {
  let current = schema;
  for (let inner = definitionOf(current).innerType; inner !== undefined; inner = definitionOf(current).innerType) current = inner;
  return current;
}

/** What describes the value at `path`, given the input (to choose the members of discriminated unions); null where nothing does. */
function schemaAt(schema: unknown, input: unknown, path: readonly PropertyKey[]): unknown {
  let current = unwrap(schema);
  let value = input;
  const choose = (): void => {
    const definition = definitionOf(current);
    if (definition.options === undefined) return;
    if (definition.discriminator === undefined) {
      current = definition.options.map(unwrap).find((option) => definitionOf(option).shape !== undefined) ?? current;
      return;
    }
    const wanted = (value as Record<string, unknown> | undefined)?.[definition.discriminator];
    const member = definition.options.find((option) => {
      const literal = definitionOf(unwrap(definitionOf(unwrap(option)).shape?.[definition.discriminator as string]));
      return literal.values?.includes(wanted) ?? false;
    });
    if (member !== undefined) current = unwrap(member);
  };
  choose();
  for (const part of path) {
    const definition = definitionOf(current);
    const child = typeof part === 'number' ? definition.element : definition.shape?.[String(part)];
    if (child === undefined) return null;
    current = unwrap(child);
    value = (value as Record<PropertyKey, unknown> | undefined)?.[part];
    choose();
  }
  return current;
}

/** Keys an object at `path` may have. */
function knownKeys(schema: unknown, input: unknown, path: readonly PropertyKey[]): string[] {
  return Object.keys(definitionOf(schemaAt(schema, input, path) ?? {}).shape ?? {});
}

/** What an issue allows, in words. */
function allowed(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${issue.expected === 'int' ? 'a whole number' : article(issue.expected)}`;
    case 'too_small':
      if (issue.origin === 'array') return `must have at least ${issue.minimum} entr${issue.minimum === 1 ? 'y' : 'ies'}`;
      if (issue.origin === 'string') return issue.minimum === 1 ? 'must not be empty' : `must have at least ${issue.minimum} characters`;
      return `must be ${issue.inclusive === false ? '>' : '≥'} ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'array') return `must have at most ${issue.maximum} entries`;
      if (issue.origin === 'string') return `must have at most ${issue.maximum} characters`;
      return `must be ${issue.inclusive === false ? '<' : '≤'} ${issue.maximum}`;
    case 'invalid_value':
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((value) => showValue(value)).join(', ')}`;
    default:
      return issue.message;
  }
}

function article(type: string): string {
  const words: Record<string, string> = { array: 'a list', object: 'a mapping', record: 'a mapping', number: 'a number', string: 'a text', boolean: 'true or false' };
  return words[type] ?? `of type ${type}`;
}

/** Of a union without a discriminator the issues of the one member whose type was written; null where it was none, or several. */
function issuesOfMeant(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | null {
  const meant = issue.errors.filter((issues) => !issues.some(({ code, path }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_union')));
  return meant.length === 1 ? (meant[0] ?? null) : null;
}

/**
 * Every issue of a failed parse as path, value and what is allowed. Unknown keys come one by one,
 * with the known key they most resemble.
 */
export function problemsOf(schema: z.ZodType, input: unknown, error: z.ZodError): Problem[] {
  return error.issues.flatMap((issue) => problemsOfIssue(schema, input, issue, issue.path));
}

/** @param at path of the issue from the document's root */
function problemsOfIssue(schema: z.ZodType, input: unknown, issue: z.core.$ZodIssue, at: readonly PropertyKey[]): Problem[] {
  const path = formatPath(at);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, input, at);
    return issue.keys.map((key) => {
      const guess = nearest(key, known);
      const hint = guess === null ? `known here: ${known.join(', ')}` : `did you mean ${showValue(guess)}?`;
      return { path: formatPath([...at, key]), message: `is an unknown key; ${hint}` };
    });
  }
  if (issue.code === 'invalid_key') return [{ path, message: issue.issues[0]?.message ?? 'is not allowed as a name' }];
  if (issue.code === 'invalid_union') {
    if ('discriminator' in issue && issue.discriminator !== undefined) {
      // zod's path of this issue already ends in the discriminator.
      const names = memberNames(schema, input, at.slice(0, -1)).map((name) => showValue(name));
      return [{ path, message: `is ${showValue(valueAt(input, at))}, must be one of ${names.join(', ')}` }];
    }
    const meant = issuesOfMeant(issue);
    if (meant !== null) return meant.flatMap((inner) => problemsOfIssue(schema, input, inner, [...at, ...inner.path]));
  }
  const value = valueAt(input, at);
  const wanted = issue.code === 'invalid_type' && issue.expected === 'object' ? `${allowed(issue)}${contents(schema, input, at)}` : allowed(issue);
  return [{ path: path === '' ? '(document)' : path, message: value === undefined ? `is missing, ${wanted}` : `is ${showValue(value)}, ${wanted}` }];
}

/** What a mapping may hold, where something else was written or nothing. */
function contents(schema: z.ZodType, input: unknown, at: readonly PropertyKey[]): string {
  const kinds = memberNames(schema, input, at);
  if (kinds.length > 0) return ` whose kind is one of ${kinds.join(', ')}`;
  const known = knownKeys(schema, input, at);
  return known.length === 0 ? '' : ` of ${known.join(', ')}`;
}

/** Kinds of the discriminated union at `path`, where the input names none of them. */
function memberNames(schema: unknown, input: unknown, path: readonly PropertyKey[]): string[] {
  const { options = [], discriminator = '' } = definitionOf(schemaAt(schema, input, path) ?? {});
  return options.flatMap((option) => {
    const literal = definitionOf(unwrap(definitionOf(unwrap(option)).shape?.[discriminator]));
    return (literal.values ?? []).map(String);
  });
}
