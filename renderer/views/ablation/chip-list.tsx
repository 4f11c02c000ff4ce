/** A list of values as chips that are edited where they stand: Enter adds and changes, Backspace removes, arrows move. */
import { useRef, useState, type KeyboardEvent } from 'react';
import { X } from 'lucide-react';
import type { TypedValue } from '../../../src/config/field-text';
import { redo, undo } from './draft';

export interface ChipListProps {
  /** What the list holds, for screen readers: `Levels of dropout`. */
  readonly label: string;
  /** One of them: `level`. */
  readonly one: string;
  readonly items: readonly unknown[];
  readonly show: (item: unknown) => string;
  /** What was typed as one or several items: the value is a list. */
  readonly read: (text: string) => TypedValue;
  readonly onChange: (items: readonly unknown[]) => void;
  /** Values that are chosen rather than typed. */
  readonly options?: readonly { readonly text: string; readonly value: unknown }[];
  readonly placeholder?: string;
  /** Problems by the place of their item. */
  readonly problems?: ReadonlyMap<number, string>;
  /** Opens the first chip for typing over when the list comes into sight. */
  readonly startEditing?: boolean;
  readonly describedBy?: string | undefined;
}

/** Texts with keys that stay theirs when others come and go; equal ones are told apart by their order. */
export function keyed(texts: readonly string[]): { readonly key: string; readonly text: string }[] {
  const seen = new Map<string, number>();
  return texts.map((text) => {
    const times = seen.get(text) ?? 0;
    seen.set(text, times + 1);
    return { key: `${text}#${times}`, text };
  });
}

interface ChipProps {
  readonly text: string;
  readonly name: string;
  readonly problem: string | undefined;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onEdit: () => void;
  readonly onRemove: () => void;
}

function Chip({ text, name, problem, onKeyDown, onEdit, onRemove }: ChipProps) {
  return (
    <span className={problem === undefined ? 'chip' : 'chip wrong'} title={problem}>
      <button type="button" className="chip-text truncate" tabIndex={-1} data-chip aria-label={`${name} ${text}${problem === undefined ? '' : `, ${problem}`}`} onKeyDown={onKeyDown} onDoubleClick={onEdit}>
        {text}
      </button>
      <button type="button" className="chip-remove" tabIndex={-1} aria-label={`Remove ${name} ${text}`} onClick={onRemove}>
        <X size={12} aria-hidden="true" />
      </button>
    </span>
  );
}

export function ChipList({ label, one, items, show, read, onChange, options, placeholder = '', problems, startEditing = false, describedBy }: ChipListProps) {
  const box = useRef<HTMLDivElement>(null);
  const [typed, setTyped] = useState('');
  const [refused, setRefused] = useState<string | null>(null);
  const [editing, setEditing] = useState<{ readonly index: number; readonly text: string } | null>(startEditing && items.length > 0 && options === undefined ? { index: 0, text: show(items[0]) } : null);

  const adder = (): HTMLElement | null => box.current?.querySelector<HTMLElement>('[data-adder]') ?? null;
  const focusAt = (index: number): void => {
    // Chips that come or go are there after the next frame.
    requestAnimationFrame(() => {
      const chips = box.current?.querySelectorAll<HTMLElement>('[data-chip]');
      (chips?.[index] ?? adder())?.focus();
    });
  };
  const take = (text: string, use: (values: readonly unknown[]) => void): boolean => {
    const value = read(text);
    setRefused(value.ok ? null : value.message);
    if (value.ok) use(value.value as readonly unknown[]);
    return value.ok;
  };
  const add = (): void => {
    if (typed.trim() === '') setRefused(null);
    else if (take(typed, (values) => onChange([...items, ...values]))) setTyped('');
  };
  const remove = (index: number): void => {
    onChange(items.filter((_, place) => place !== index));
    focusAt(Math.min(index, items.length - 2));
  };
  const finish = (refocus: boolean): void => {
    if (editing === null) return;
    const { index, text } = editing;
    if (text.trim() === show(items[index]) || text.trim() === '' || take(text, (values) => onChange([...items.slice(0, index), ...values, ...items.slice(index + 1)]))) {
      setEditing(null);
      if (refocus) requestAnimationFrame(() => adder()?.focus());
    }
  };
  const onChipKey = (index: number) => (event: KeyboardEvent): void => {
    const move: Readonly<Record<string, number>> = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: items.length };
    const to = move[event.key];
    if (to !== undefined) focusAt(Math.max(0, to));
    else if (event.key === 'Backspace' || event.key === 'Delete') remove(index);
    else if ((event.key === 'Enter' || event.key === 'F2') && options === undefined) setEditing({ index, text: show(items[index]) });
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onAdderKey = (event: KeyboardEvent<HTMLInputElement | HTMLSelectElement>): void => {
    const atStart = !(event.currentTarget instanceof HTMLInputElement) || (event.currentTarget.selectionStart === 0 && event.currentTarget.selectionEnd === 0);
    if (event.key === 'Enter' && event.currentTarget instanceof HTMLInputElement && !event.ctrlKey && !event.metaKey) add();
    else if (event.key === 'Backspace' && typed === '' && items.length > 0) {
      onChange(items.slice(0, -1));
    } else if (event.key.toLowerCase() === 'z' && (event.ctrlKey || event.metaKey) && typed === '') {
      if (event.shiftKey) redo();
      else undo();
    } else if (event.key === 'ArrowLeft' && atStart && items.length > 0 && !event.altKey) focusAt(items.length - 1);
    else if (event.key === 'Escape' && (typed !== '' || refused !== null)) {
      setTyped('');
      setRefused(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const left = options?.filter(({ text }) => !items.some((item) => show(item) === text)) ?? [];
  return (
    <div className="chips">
      <div ref={box} className="chips-box" role="group" aria-label={label}>
        {keyed(items.map(show)).map(({ key, text }, index) => {
          if (editing?.index === index) {
            return (
              <input
                key={key}
                className="chip-input"
                size={Math.max(4, editing.text.length + 1)}
                value={editing.text}
                aria-label={`${one} ${index + 1}`}
                aria-invalid={refused !== null}
                ref={(input) => {
                  if (input !== null && document.activeElement !== input) input.select();
                }}
                onChange={(event) => setEditing({ index, text: event.currentTarget.value })}
                onBlur={() => finish(false)}
                onKeyDown={(event) => {
                  if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) finish(true);
                  else if (event.key === 'Escape') {
                    setEditing(null);
                    setRefused(null);
                    focusAt(index);
                  } else return;
                  event.preventDefault();
                  event.stopPropagation();
                }}
              />
            );
          }
          return <Chip key={key} text={text} name={one} problem={problems?.get(index)} onKeyDown={onChipKey(index)} onEdit={() => options === undefined && setEditing({ index, text })} onRemove={() => remove(index)} />;
        })}
        {options === undefined ? (
          <input
            data-adder
            className="chip-input adder"
            value={typed}
            placeholder={placeholder}
            aria-label={`Add ${one}: ${label}`}
            aria-invalid={refused !== null}
            aria-describedby={describedBy}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
              setRefused(null);
            }}
            onBlur={add}
            onKeyDown={onAdderKey}
          />
        ) : (
          left.length > 0 && (
            <select
              data-adder
              className="chip-input adder"
              value=""
              aria-label={`Add ${one}: ${label}`}
              onKeyDown={onAdderKey}
              onChange={(event) => {
                const option = left.find(({ text }) => text === event.currentTarget.value);
                if (option !== undefined) onChange([...items, option.value]);
              }}
            >
              <option value="">Add {one}…</option>
              {left.map(({ text }) => (
                <option key={text}>{text}</option>
              ))}
            </select>
          )
        )}
      </div>
      {[...new Set(problems?.values())].map((problem) => (
        <p key={problem} className="field-problem">
          {problem}
        </p>
      ))}
      {refused !== null && (
        <p className="field-problem" role="alert">
          {one.charAt(0).toUpperCase() + one.slice(1)} {refused}
        </p>
      )}
    </div>
  );
}
