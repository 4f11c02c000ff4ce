/** The study's own fields: name, design, seeds, and an overview of its factors. */
import { useId, useState, type ReactNode } from 'react';
import { X } from 'lucide-react';
import { nounOf, valueInWords } from '../../../src/ablation/describe';
import { removeFactor, setDescription, setDesign, setExperiment, setSeeds, type WrittenFactor } from '../../../src/ablation/edit';
import { designSchema } from '../../../src/ablation/schema';
import type { Place } from '../../../src/config/locate';
import { ChipList, keyed } from './chip-list';
import { change, redo, undo } from './draft';
import type { SortedProblems } from './problems';
import { readSeeds } from './seeds';

function Line({ label, id, problems, children }: { readonly label: string; readonly id?: string; readonly problems?: readonly string[] | undefined; readonly children: ReactNode }) {
  return (
    <div className="field">
      {id === undefined ? <span className="field-label">{label}</span> : <label className="field-label" htmlFor={id}>{label}</label>}
      <div className="field-control wide">{children}</div>
      {problems !== undefined && problems.length > 0 && (
        <div className="field-problem">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </div>
      )}
    </div>
  );
}

/** A text of the study: written as it is typed, each burst of typing one step to undo. */
function TextLine({ label, value, placeholder, problems, onChange }: { readonly label: string; readonly value: string; readonly placeholder: string; readonly problems?: readonly string[] | undefined; readonly onChange: (text: string) => void }) {
  const id = useId();
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <Line label={label} id={id} problems={problems}>
      <input
        id={id}
        className="field-input"
        type="text"
        spellCheck={false}
        autoComplete="off"
        value={typed ?? value}
        placeholder={placeholder}
        aria-invalid={(problems?.length ?? 0) > 0}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          onChange(event.currentTarget.value);
        }}
        onBlur={() => setTyped(null)}
        onKeyDown={(event) => {
          if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'z') return;
          event.preventDefault();
          event.stopPropagation();
          if (event.shiftKey) redo();
          else undo();
          setTyped(null);
        }}
      />
    </Line>
  );
}

const quickSeeds: readonly { readonly name: string; readonly seeds: readonly number[] }[] = [
  { name: '0–4', seeds: [0, 1, 2, 3, 4] },
  { name: '0–9', seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] },
];

function FactorLine({ factor, problems, onReveal }: { readonly factor: WrittenFactor; readonly problems: readonly string[]; readonly onReveal: () => void }) {
  const name = factor.path === null || factor.name !== factor.path ? factor.name : nounOf(factor.path);
  return (
    <li className="factor">
      <span className="factor-name truncate" title={factor.path ?? factor.name}>
        {name}
      </span>
      <span className="factor-levels truncate" title={factor.levels.map((level) => valueInWords(level)).join(' | ')}>
        {keyed(factor.levels.map(valueInWords)).map(({ key, text }) => (
          <span key={key} className="chip plain">
            <span className="chip-text truncate">{text}</span>
          </span>
        ))}
      </span>
      <button type="button" className="quiet-button" aria-label={`Show the factor ${name} in the YAML`} onClick={onReveal}>
        YAML
      </button>
      <button type="button" className="quiet-button square" aria-label={`Remove the factor ${name}`} onClick={() => change(null, (text) => removeFactor(text, factor.index))}>
        <X size={14} aria-hidden="true" />
      </button>
      {problems.length > 0 && <p className="field-problem">{problems.join('; ')}</p>}
    </li>
  );
}

export interface StudyFieldsProps {
  readonly input: Readonly<Record<string, unknown>>;
  readonly factors: readonly WrittenFactor[];
  /** Places of the factors whose levels stand beside their leaf, with what is wrong with them. */
  readonly placed: ReadonlySet<number>;
  readonly problems: SortedProblems;
  readonly locate: (path: string) => Place;
  readonly onReveal: (place: Place) => void;
}

export function StudyFields({ input, factors, placed, problems, locate, onReveal }: StudyFieldsProps) {
  const designId = useId();
  const { experiment, description, design, seeds } = input;
  const written = Array.isArray(seeds) ? (seeds as unknown[]) : [];
  return (
    <>
      <TextLine label="Experiment" value={typeof experiment === 'string' ? experiment : ''} placeholder="required" problems={problems.study.get('experiment')} onChange={(text) => change('experiment', (source) => setExperiment(source, text))} />
      <TextLine label="Description" value={typeof description === 'string' ? description : ''} placeholder="not set" problems={problems.study.get('description')} onChange={(text) => change('description', (source) => setDescription(source, text))} />
      <Line label="Design" id={designId} problems={problems.study.get('design')}>
        <select
          id={designId}
          className="field-input"
          value={typeof design === 'string' ? design : 'one-at-a-time'}
          onChange={(event) => {
            const chosen = designSchema.safeParse(event.currentTarget.value);
            if (chosen.success) change(null, (source) => setDesign(source, chosen.data));
          }}
        >
          <option value="one-at-a-time">one at a time: each level by itself</option>
          <option value="grid">grid: every combination of levels</option>
          {typeof design === 'string' && !designSchema.safeParse(design).success && <option value={design}>{design}</option>}
        </select>
      </Line>
      <Line label="Seeds" problems={problems.seeds.own}>
        <div className="seeds">
          <ChipList
            label="Seeds"
            one="seed"
            items={written}
            show={String}
            read={readSeeds}
            placeholder="add, such as 0–4"
            problems={problems.seeds.levels}
            onChange={(items) => change(null, (source, before) => setSeeds(source, before, items.filter((item) => typeof item === 'number')))}
          />
          {quickSeeds.map(({ name, seeds: quick }) => (
            <button key={name} type="button" className="quiet-button" aria-label={`Seeds ${name}`} onClick={() => change(null, (source, before) => setSeeds(source, before, quick))}>
              {name}
            </button>
          ))}
        </div>
      </Line>
      <Line label="Factors" problems={problems.study.get('factors')?.length === undefined || factors.length > 0 ? problems.study.get('factors') : []}>
        {factors.length === 0 ? (
          <p className="soft factor-none">Nothing is varied yet: press Vary beside a value below.</p>
        ) : (
          <ul className="factors">
            {factors.map((factor) => (
              <FactorLine key={factor.index} factor={factor} problems={placed.has(factor.index) ? [] : [...(problems.factors.get(factor.index)?.own ?? []), ...(problems.factors.get(factor.index)?.levels.values() ?? [])]} onReveal={() => onReveal(locate(`factors[${factor.index}]`))} />
            ))}
          </ul>
        )}
      </Line>
    </>
  );
}
