/** The box that runs are filtered by: words, or the language of filters. What cannot be read is said below it and filters nothing. */
import { useEffect, useId, useRef, useState, type Ref } from 'react';
import { ActionIcon, CloseButton, TextInput } from '@mantine/core';
import { CircleQuestionMark, Search } from 'lucide-react';
import { Popup } from '../../components/popup';
import { RepriseError } from '../../../src/errors/errors';
import { problemOf } from '../../../src/filter/problems';
import { readFilter } from '../../../src/filter/read';

const DEBOUNCE_MS = 150;
/** What is half written is not yet wrong. */
const PATIENCE_MS = 700;
/** As much as the engine takes. */
const LONGEST = 2000;

const EXAMPLES: readonly { readonly filter: string; readonly means: string }[] = [
  { filter: 'metrics.val_loss < 0.1 and params.training.learningRate <= 1e-3', means: 'the latest value of a metric; a parameter by size' },
  { filter: "params.model.kind in ('mlp', 'cnn') and seed = 3", means: 'one of several' },
  { filter: 'status = failed and created > now - 7d', means: 'also today, 2026-11-01; duration > 2h' },
  { filter: "tags.paper = 'v2' or name like '%final%'", means: '% stands for any text; ilike ignores case' },
  { filter: 'not (metrics.val_loss = nan) and tags.paper is not null', means: 'what a run lacks meets no comparison' },
];

interface Mistake {
  readonly column: number;
  readonly message: string;
  readonly hint: string | null;
}

/** What is wrong with the text; null where it can be read. */
function mistakeIn(text: string): Mistake | null {
  try {
    readFilter(text);
    return null;
  } catch (error) {
    const problem = error instanceof RepriseError ? problemOf(error) : null;
    if (problem === null || !(error instanceof RepriseError)) throw error;
    return { ...problem, hint: error.hint ?? null };
  }
}

/** The text with what stands at the column marked, from a little before it. */
function Marked({ text, column }: { readonly text: string; readonly column: number }) {
  const at = Math.min(column - 1, text.length);
  const from = Math.max(0, at - 28);
  const end = at + (/^[^\s()=<>!,]+/u.exec(text.slice(at))?.[0].length ?? 1);
  return (
    <code className="filter-mistake-text">
      {from > 0 && '…'}
      {text.slice(from, at)}
      <mark>{text.slice(at, end) || ' '}</mark>
      {text.slice(end, end + 20)}
      {end + 20 < text.length && '…'}
    </code>
  );
}

function Help({ onChoose }: { readonly onChoose: (filter: string) => void }) {
  return (
    <Popup
      position="bottom-start"
      label="How to filter"
      className="filter-help"
      button={
        <ActionIcon size={24} variant="subtle" color="gray" aria-label="How to filter">
          <CircleQuestionMark size={14} aria-hidden="true" />
        </ActionIcon>
      }
    >
      {(close) => (
        <>
          <p>Words must all occur in the name, experiment, variant, seed, state or a hash. Comparisons look into what was logged:</p>
          <ul>
            {EXAMPLES.map(({ filter, means }) => (
              <li key={filter}>
                <button
                  type="button"
                  className="mono"
                  onClick={() => {
                    close();
                    onChoose(filter);
                  }}
                >
                  {filter}
                </button>
                <span className="soft">{means}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Popup>
  );
}

export interface FilterFieldProps {
  readonly text: string;
  readonly onText: (text: string) => void;
  /** Leaves the field for the table. */
  readonly onLeave: () => void;
  readonly ref: Ref<HTMLInputElement>;
}

export function FilterField({ text, onText, onLeave, ref }: FilterFieldProps) {
  const [typed, setTyped] = useState(text);
  const [known, setKnown] = useState(text);
  const [mistake, setMistake] = useState<Mistake | null>(null);
  const timer = useRef(0);
  const message = useId();
  // Changed from elsewhere: a group was opened, the filter was taken away.
  if (text !== known) {
    setKnown(text);
    setTyped(text);
    setMistake(null);
  }
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const say = (value: string): void => {
    setKnown(value);
    onText(value);
  };
  const set = (value: string, wait: number): void => {
    setTyped(value);
    window.clearTimeout(timer.current);
    const wrong = mistakeIn(value);
    if (wrong === null) setMistake(null);
    timer.current = window.setTimeout(() => (wrong === null ? say(value) : setMistake(wrong)), wrong === null ? wait : PATIENCE_MS);
  };
  return (
    <div className="runs-filter">
      <TextInput
        ref={ref}
        type="search"
        aria-label="Filter runs"
        aria-describedby={mistake === null ? undefined : message}
        placeholder="Filter"
        size="xs"
        maxLength={LONGEST}
        spellCheck={false}
        error={mistake !== null}
        value={typed}
        leftSection={<Search size={14} aria-hidden="true" />}
        rightSectionWidth={typed === '' ? 28 : 52}
        rightSection={
          <span className="filter-buttons">
            {typed !== '' && <CloseButton size={24} iconSize={14} aria-label="Clear the filter" onClick={() => set('', 0)} />}
            <Help onChoose={(filter) => set(filter, 0)} />
          </span>
        }
        onChange={(event) => set(event.currentTarget.value, DEBOUNCE_MS)}
        onKeyDown={(event) => {
          const wrong = event.key === 'Enter' ? mistakeIn(typed) : null;
          if (wrong !== null) setMistake(wrong);
          else if (event.key === 'Escape' && typed !== '') set('', 0);
          else if (event.key === 'Escape' || event.key === 'ArrowDown' || event.key === 'Enter') onLeave();
          else return;
          event.preventDefault();
        }}
      />
      {mistake !== null && (
        <div className="filter-mistake" id={message} role="alert">
          <Marked text={typed} column={mistake.column} />
          <p>
            Column {mistake.column}: {mistake.message} {mistake.hint}
          </p>
        </div>
      )}
    </div>
  );
}
