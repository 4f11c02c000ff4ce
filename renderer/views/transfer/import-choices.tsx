/** How an import reads what is there, and where it puts the runs. */
import { Select, TagsInput, TextInput } from '@mantine/core';
import { Section } from '../../frame/view';
import { FORMATS } from '../../import-words';
import type { Choices, Format, Rows } from './choices';

const FOUND = 'found';
const TABLES: readonly Format[] = ['csv', 'json', 'jsonl', 'parquet'];
const formats = [{ value: FOUND, label: 'What is found there' }, ...Object.entries(FORMATS).map(([value, label]) => ({ value, label }))];
const ROWS: { readonly value: Rows; readonly label: string }[] = [
  { value: 'found', label: 'What its columns say' },
  { value: 'runs', label: 'A run' },
  { value: 'points', label: 'A point of a series' },
];
const isFormat = (value: string | null): value is Format => value !== null && Object.hasOwn(FORMATS, value);

export interface ImportChoicesProps {
  readonly choices: Choices;
  /** What was found; null: nothing yet. */
  readonly format: Format | null;
  readonly disabled: boolean;
  readonly onChange: (change: Partial<Choices>) => void;
}

export function ImportChoices({ choices, format, disabled, onChange }: ImportChoicesProps) {
  const table = TABLES.includes(choices.format ?? format ?? 'mlruns');
  return (
    <Section title="Choices">
      <fieldset className="transfer-choices" disabled={disabled}>
        <legend className="hidden">Choices</legend>
        <Select
          label="Read as"
          data={formats}
          value={choices.format ?? FOUND}
          allowDeselect={false}
          disabled={disabled}
          onChange={(value) => onChange({ format: isFormat(value) ? value : null })}
        />
        <TextInput label="Experiment" placeholder="as the source says" value={choices.experiment} maxLength={200} onChange={(event) => onChange({ experiment: event.currentTarget.value })} />
        {table && (
          <>
            <Select label="A row is" data={ROWS} value={choices.rows} allowDeselect={false} disabled={disabled} onChange={(rows) => onChange({ rows: rows ?? 'found' })} />
            <TagsInput
              className="transfer-metrics"
              size="xs"
              label="Columns that are metrics"
              placeholder={choices.metrics.length === 0 ? 'by their prefix, such as metrics.loss' : ''}
              value={[...choices.metrics]}
              disabled={disabled}
              onChange={(metrics) => onChange({ metrics })}
            />
          </>
        )}
      </fieldset>
    </Section>
  );
}
