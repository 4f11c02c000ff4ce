/** Values of a form's fields as people type and read them. */
import type { FieldType, Range } from './fields';

export type TypedValue = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

const refuse = (message: string): TypedValue => ({ ok: false, message });
const accept = (value: unknown): TypedValue => ({ ok: true, value });

/** `1 … 65,536`, `> 0`, `0 ≤ … < 1`; empty where anything goes. */
export function rangeInWords({ min, max, openMin, openMax }: Range): string {
  const number = (value: number): string => (Number.isInteger(value) ? value.toLocaleString('en-US') : String(value));
  // The largest safe integer bounds every whole number and says nothing.
  const top = max === Number.MAX_SAFE_INTEGER ? null : max;
  const bottom = min === Number.MIN_SAFE_INTEGER ? null : min;
  if (bottom !== null && top !== null) return openMin || openMax ? `${openMin ? '>' : '≥'} ${number(bottom)} and ${openMax ? '<' : '≤'} ${number(top)}` : `${number(bottom)} to ${number(top)}`;
  if (bottom !== null) return `${openMin ? '>' : '≥'} ${number(bottom)}`;
  return top === null ? '' : `${openMax ? '<' : '≤'} ${number(top)}`;
}

function isInside(value: number, { min, max, openMin, openMax }: Range): boolean {
  return (min === null || (openMin ? value > min : value >= min)) && (max === null || (openMax ? value < max : value <= max));
}

/** A decimal number as people write it, `1e-4` and a true minus included; null where it is none. */
function numberIn(text: string): number | null {
  const plain = text.trim().replace('−', '-');
  return /^[-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?$/iu.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : null;
}

function readNumber(text: string, range: Range, whole: boolean): TypedValue {
  const value = numberIn(text);
  if (value === null || (whole && !Number.isSafeInteger(value))) return refuse(whole ? 'must be a whole number' : 'must be a number');
  return isInside(value, range) ? accept(value) : refuse(`must be ${rangeInWords(range)}`);
}

/** The one option that is meant: itself, or the only one that begins so. */
function readOption(text: string, options: readonly string[]): string | null {
  const typed = text.trim().toLowerCase();
  const exact = options.find((option) => option.toLowerCase() === typed);
  const beginning = options.filter((option) => typed !== '' && option.toLowerCase().startsWith(typed));
  return exact ?? (beginning.length === 1 ? (beginning[0] ?? null) : null);
}

const parts = (text: string): string[] => text.replaceAll(/^\s*\[|\]\s*$/gu, '').split(/[,;\s]+/u).filter((part) => part !== '');

/** What was typed as a value of the field; a `kind` becomes the part that has it and nothing else. */
export function readTyped(of: FieldType, text: string): TypedValue {
  switch (of.type) {
    case 'integer':
      return readNumber(text, of.range, true);
    case 'number':
      return readNumber(text, of.range, false);
    case 'boolean': {
      const option = readOption(text, ['true', 'false']);
      return option === null ? refuse('must be true or false') : accept(option === 'true');
    }
    case 'choice':
    case 'kind': {
      const option = readOption(text, of.options);
      if (option === null) return refuse(`must be ${of.options.join(' or ')}`);
      return accept(of.type === 'kind' ? { kind: option } : option);
    }
    case 'text':
      return of.maxLength !== null && text.length > of.maxLength ? refuse(`must have at most ${of.maxLength} characters`) : accept(text);
    case 'integers': {
      const values = /^\s*none\s*$/iu.test(text) ? [] : parts(text).map((part) => readNumber(part, of.range, true));
      const wrong = values.find((value) => !value.ok);
      return wrong ?? accept(values.map((value) => (value.ok ? value.value : null)));
    }
    case 'texts':
      return accept(text.split(',').map((part) => part.trim()).filter((part) => part !== ''));
  }
}

/** What was typed in the field, right or wrong: a number where it is one, else the text itself. To check it is the schema's. */
export function looselyTyped(of: FieldType, text: string): unknown {
  const read = readTyped(of, text);
  if (read.ok) return read.value;
  return (of.type === 'integer' || of.type === 'number' ? numberIn(text) : null) ?? text.trim();
}

/** A value as it is typed: what `readTyped` reads back. */
export function typedText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map((entry) => typedText(entry)).join(', ');
  if (typeof value === 'object') return typedText((value as { kind?: unknown }).kind);
  return String(value);
}
