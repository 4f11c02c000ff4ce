/** The control of one leaf: what is written, or faintly what holds where nothing is. */
import { useEffect, useRef, useState } from 'react';
import { sameValue } from '../../../src/config/diff';
import { readTyped, typedText } from '../../../src/config/field-text';
import type { Field } from '../../../src/config/fields';
import { ChipList } from './chip-list';
import { redo, undo } from './draft';

export interface FieldControlProps {
  readonly field: Field;
  readonly id: string;
  readonly label: string;
  readonly invalid: boolean;
  readonly describedBy: string | undefined;
  readonly onSet: (value: unknown) => void;
  readonly onUnset: () => void;
}

const COMMIT_MS = 300;

/** What stands in an empty control. */
function absence({ fallback, required, of }: Field): string {
  if (fallback === undefined) return required ? 'required' : 'not set';
  if (Array.isArray(fallback) && fallback.length === 0) return of.type === 'integers' ? 'none' : 'not set';
  return fallback === '' ? 'not set' : typedText(fallback);
}

function TextControl({ field, id, invalid, describedBy, onSet, onUnset }: FieldControlProps) {
  const { of, value } = field;
  const [typed, setTyped] = useState<string | null>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const timer = useRef<number | null>(null);
  const shown = typed ?? typedText(value);

  const commit = (text: string): boolean => {
    if (timer.current !== null) window.clearTimeout(timer.current);
    timer.current = null;
    if (text.trim() === '') {
      setRefused(null);
      if (value !== undefined) onUnset();
      return true;
    }
    const read = readTyped(of, text);
    setRefused(read.ok ? null : read.message);
    if (read.ok && !sameValue(read.value, value)) onSet(read.value);
    return read.ok;
  };
  // Undone, or changed in the YAML: what was typed is no longer what is there.
  useEffect(() => {
    if (timer.current === null) setTyped((text) => (text !== null && text.trim() !== '' && !sameValue(readTyped(of, text), { ok: true, value }) ? null : text));
  }, [value, of]);
  useEffect(() => () => void (timer.current !== null && window.clearTimeout(timer.current)), []);

  return (
    <>
      <input
        id={id}
        className={of.type === 'text' ? 'field-input' : 'field-input numbers'}
        type="text"
        inputMode={of.type === 'integer' ? 'numeric' : of.type === 'number' ? 'decimal' : undefined}
        spellCheck={false}
        autoComplete="off"
        value={shown}
        placeholder={absence(field)}
        aria-invalid={invalid || refused !== null}
        aria-describedby={describedBy}
        onChange={(event) => {
          const text = event.currentTarget.value;
          setTyped(text);
          if (timer.current !== null) window.clearTimeout(timer.current);
          timer.current = window.setTimeout(() => commit(text), COMMIT_MS);
        }}
        onBlur={() => {
          if (typed !== null && commit(typed)) setTyped(null);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) commit(shown);
          else if (event.key === 'Escape' && typed !== null) {
            if (timer.current !== null) window.clearTimeout(timer.current);
            timer.current = null;
            setTyped(null);
            setRefused(null);
          } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'z') {
            // What is typed here is already in the text, so the text undoes it.
            if (typed !== null && timer.current !== null) commit(typed);
            if (event.shiftKey) redo();
            else undo();
            setTyped(null);
          } else return;
          event.preventDefault();
          event.stopPropagation();
        }}
      />
      {refused !== null && (
        <p className="field-problem" role="alert">
          {refused}
        </p>
      )}
    </>
  );
}

function ChoiceControl({ field, id, invalid, describedBy, onSet, onUnset, options }: FieldControlProps & { readonly options: readonly string[] }) {
  const { value, fallback, required } = field;
  const known = typeof value === 'string' && options.includes(value);
  const nothing = fallback === undefined ? (required ? 'choose…' : 'not set') : `${String(fallback)} (default)`;
  return (
    <select
      id={id}
      className={value === undefined ? 'field-input absent' : 'field-input'}
      value={value === undefined ? '' : String(value)}
      aria-invalid={invalid}
      aria-describedby={describedBy}
      onChange={(event) => (event.currentTarget.value === '' ? onUnset() : onSet(event.currentTarget.value))}
    >
      {!(required && value !== undefined) && <option value="">{nothing}</option>}
      {value !== undefined && !known && <option value={String(value)}>{String(value)}</option>}
      {options.map((option) => (
        <option key={option}>{option}</option>
      ))}
    </select>
  );
}

export function FieldControl(props: FieldControlProps) {
  const { field, id, label, describedBy, invalid, onSet, onUnset } = props;
  const { of, value, fallback } = field;
  switch (of.type) {
    case 'choice':
    case 'kind':
      return <ChoiceControl {...props} options={of.options} />;
    case 'boolean':
      return (
        <label className="field-check">
          <input id={id} type="checkbox" checked={(value ?? fallback) === true} aria-label={label} aria-invalid={invalid} aria-describedby={describedBy} onChange={(event) => onSet(event.currentTarget.checked)} />
          <span className={value === undefined ? 'soft' : undefined}>
            {(value ?? fallback) === true ? 'yes' : 'no'}
            {value === undefined ? ' (default)' : ''}
          </span>
        </label>
      );
    case 'integers':
    case 'texts': {
      const items = Array.isArray(value) ? (value as unknown[]) : [];
      return (
        <ChipList
          label={label}
          one={of.type === 'integers' ? (field.unit ?? 'number') : 'entry'}
          items={items}
          show={typedText}
          read={(text) => readTyped(of, text)}
          placeholder={value === undefined ? absence(field) : items.length === 0 ? 'none' : ''}
          describedBy={describedBy}
          onChange={(next) => (next.length === 0 && (fallback === undefined || sameValue(fallback, [])) ? onUnset() : onSet(next))}
        />
      );
    }
    case 'integer':
    case 'number':
    case 'text':
      return <TextControl {...props} />;
  }
}
