/** The control of one leaf: what is written, or faintly what holds where nothing is. */
import { useEffect, useRef, useState } from 'react';
import { sameValue } from '../../../src/config/diff';
import { looselyTyped, readTyped, typedText } from '../../../src/config/field-text';
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

/** What is typed goes into the text even where it is wrong: then the problem stands beside it, in both halves. */
function TextControl({ field, id, invalid, describedBy, onSet, onUnset }: FieldControlProps) {
  const { of, value } = field;
  const [typed, setTyped] = useState<string | null>(null);
  const timer = useRef<number | null>(null);
  const shown = typed ?? typedText(value);

  const stop = (): void => {
    if (timer.current !== null) window.clearTimeout(timer.current);
    timer.current = null;
  };
  const commit = (text: string): void => {
    stop();
    if (text.trim() === '') {
      if (value !== undefined) onUnset();
      return;
    }
    const next = looselyTyped(of, text);
    if (!sameValue(next, value)) onSet(next);
  };
  // Undone, or changed in the YAML: what was typed is no longer what is there.
  useEffect(() => {
    if (timer.current === null) setTyped((text) => (text === null || text.trim() === '' || sameValue(looselyTyped(of, text), value) ? text : null));
  }, [value, of]);
  useEffect(
    () => () => {
      if (timer.current !== null) window.clearTimeout(timer.current);
    },
    [],
  );

  return (
    <input
      id={id}
      className={of.type === 'text' ? 'field-input' : 'field-input numbers'}
      type="text"
      inputMode={of.type === 'integer' ? 'numeric' : of.type === 'number' ? 'decimal' : undefined}
      spellCheck={false}
      autoComplete="off"
      value={shown}
      placeholder={absence(field)}
      aria-invalid={invalid}
      aria-describedby={describedBy}
      onChange={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        stop();
        timer.current = window.setTimeout(() => commit(text), COMMIT_MS);
      }}
      onBlur={() => {
        if (typed !== null) commit(typed);
        setTyped(null);
      }}
      onKeyDown={(event) => {
        const command = event.ctrlKey || event.metaKey;
        // A command works on all that is typed.
        if (command && typed !== null && timer.current !== null) commit(typed);
        if (event.key === 'Enter' && !command) commit(shown);
        else if (event.key === 'Escape' && timer.current !== null) {
          stop();
          setTyped(null);
        } else if (command && event.key.toLowerCase() === 'z') {
          if (event.shiftKey) redo();
          else undo();
          setTyped(null);
        } else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    />
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
