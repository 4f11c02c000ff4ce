/** One leaf of the baseline: its name, its control, the button that varies it, and its levels where it is a factor. */
import { memo, useEffect, useId } from 'react';
import { nounOf, valueInWords } from '../../../src/ablation/describe';
import { addFactor, removeFactor, setLeaf, setLevels, unsetLeaf, type WrittenFactor } from '../../../src/ablation/edit';
import { readStudyText } from '../../../src/ablation/read';
import { suggestLevel } from '../../../src/ablation/suggest';
import { canVary } from '../../../src/ablation/study';
import { sameValue } from '../../../src/config/diff';
import { rangeInWords, readTyped, typedText } from '../../../src/config/field-text';
import type { Field } from '../../../src/config/fields';
import { ChipList } from './chip-list';
import { change } from './draft';
import { FieldControl } from './field-control';

export interface FieldRowProps {
  readonly field: Field;
  readonly factor: WrittenFactor | null;
  /** What is wrong with the value, and with the factor as a whole. */
  readonly problems: readonly string[];
  /** What is wrong with single levels, by their place. */
  readonly levelProblems: ReadonlyMap<number, string>;
  /** Whether it became a factor just now: then its level is opened for typing. */
  readonly fresh: boolean;
  readonly onHint: (field: Field | null) => void;
  /** Tells which leaf became a factor just now; null once its level is open. */
  readonly onVaried: (path: string | null) => void;
}

/** `Learning rate`, `Optimizer`; a program's parameter by its own name. */
export function titleOf({ factorPath }: Field): string {
  if (factorPath.startsWith('params.')) return factorPath.slice('params.'.length);
  const noun = nounOf(factorPath);
  return noun.charAt(0).toUpperCase() + noun.slice(1);
}

/** What a leaf is and may be, in a line. */
export function hintOf(field: Field): string {
  const range = 'range' in field.of ? rangeInWords(field.of.range) : '';
  return [field.description, range, field.fallback === undefined || field.fallback === '' ? null : `default ${valueInWords(field.fallback)}`].filter((part) => part !== null && part !== '').join('; ');
}

function suggestion(text: string, field: Field): unknown {
  const read = readStudyText(text);
  return suggestLevel(field, read.ok ? (read.reading.study?.baseline ?? null) : null);
}

function vary(field: Field, factor: WrittenFactor | null): void {
  change(null, (text, input) => {
    if (factor !== null) return removeFactor(text, factor.index);
    const level = suggestion(text, field);
    return addFactor(text, input, field.factorPath, level === null ? [] : [level]);
  });
}

function Levels({ field, factor, problems, fresh }: { readonly field: Field; readonly factor: WrittenFactor; readonly problems: ReadonlyMap<number, string>; readonly fresh: boolean }) {
  const { of } = field;
  const noun = nounOf(field.factorPath);
  const present = field.value ?? field.fallback;
  const options = of.type === 'choice' || of.type === 'kind' ? of.options : of.type === 'boolean' ? ['true', 'false'] : null;
  const level = (text: string): unknown => {
    const read = readTyped(of, text);
    return read.ok ? read.value : null;
  };
  return (
    <div className="levels">
      <span className="levels-baseline" title={`Baseline: ${valueInWords(present)}`}>
        <span className="soft">baseline</span> <span className="truncate">{valueInWords(present)}</span>
      </span>
      <ChipList
        label={`Levels of ${noun}`}
        one="level"
        items={factor.levels}
        // A list's own commas would read as several levels.
        show={(item) => (of.type === 'kind' ? valueInWords(item) : typedText(item) || valueInWords(item))}
        read={(text) => {
          const read = readTyped(of, text);
          return read.ok ? { ok: true, value: [read.value] } : read;
        }}
        {...(options === null ? {} : { options: options.filter((option) => option !== String(present)).map((text) => ({ text, value: level(text) })) })}
        placeholder={factor.levels.length === 0 ? 'type a level, Enter adds' : 'add level'}
        problems={problems}
        startEditing={fresh}
        onChange={(levels) => change(null, (text) => setLevels(text, factor, levels))}
      />
    </div>
  );
}

function PlainFieldRow({ field, factor, problems, levelProblems, fresh, onHint, onVaried }: FieldRowProps) {
  const id = useId();
  const title = titleOf(field);
  const hint = hintOf(field);
  const variable = canVary(field.path);
  const opened = fresh && factor !== null;
  useEffect(() => {
    if (opened) onVaried(null);
  }, [opened, onVaried]);
  const problemId = problems.length === 0 ? '' : `${id}-problem`;
  const describedBy = [hint === '' ? '' : `${id}-hint`, problemId].filter((part) => part !== '').join(' ');
  const listed = field.of.type === 'integers' || field.of.type === 'texts' || field.of.type === 'boolean';
  return (
    <div className={factor === null ? 'field' : 'field varied'} onFocus={() => onHint(field)} onMouseEnter={() => onHint(field)}>
      {listed ? (
        <span className="field-label truncate" title={`${title}: ${field.path}`}>
          {title}
        </span>
      ) : (
        <label className="field-label truncate" htmlFor={id} title={`${title}: ${field.path}`}>
          {title}
        </label>
      )}
      <div className="field-control">
        <FieldControl
          field={field}
          id={id}
          label={title}
          invalid={problems.length > 0}
          describedBy={describedBy === '' ? undefined : describedBy}
          onSet={(value) => change(listed || field.of.type === 'choice' || field.of.type === 'kind' ? null : field.path, (text, input) => setLeaf(text, input, field, value))}
          onUnset={() => change(field.path, (text, input) => unsetLeaf(text, input, field))}
        />
      </div>
      <span className="field-unit soft small">{field.unit}</span>
      {variable ? (
        <button
          type="button"
          className="vary"
          aria-pressed={factor !== null}
          aria-label={`Vary ${nounOf(field.factorPath)}`}
          onClick={() => {
            vary(field, factor);
            if (factor === null) onVaried(field.path);
          }}
        >
          Vary
        </button>
      ) : (
        <span />
      )}
      {hint !== '' && (
        <span id={`${id}-hint`} className="hidden">
          {hint}
        </span>
      )}
      {factor !== null && <Levels key={factor.path} field={field} factor={factor} problems={levelProblems} fresh={fresh} />}
      {problems.length > 0 && (
        <div id={problemId} className="field-problem">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </div>
      )}
    </div>
  );
}

/** Draws again only where the leaf's own value, levels or problems changed. */
export const FieldRow = memo(
  PlainFieldRow,
  (before, after) =>
    sameValue(before.field, after.field) && sameValue(before.factor, after.factor) && sameValue(before.problems, after.problems) && sameValue([...before.levelProblems], [...after.levelProblems]) && before.fresh === after.fresh,
);
