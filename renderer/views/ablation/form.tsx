/** The study as a form, made from the schema of a config. */
import { useId, useMemo, useState, type ReactNode } from 'react';
import { ChevronRight } from 'lucide-react';
import { factorOver, writtenBaseline, writtenFactors, type WrittenFactor } from '../../../src/ablation/edit';
import type { StudyReading } from '../../../src/ablation/read';
import { fieldsOf, type Field } from '../../../src/config/fields';
import type { Place, SyntaxProblem } from '../../../src/config/locate';
import { CommandLine } from './command-line';
import { FieldRow, hintOf, titleOf } from './field-row';
import { sortProblems, type SortedProblems } from './problems';
import { StudyFields } from './study-fields';
import './form.css';

/** Parts of the config as sections; those that are rarely set begin closed. */
const SECTIONS: readonly { readonly title: string; readonly parts: readonly string[]; readonly closed?: boolean }[] = [
  { title: 'Parameters', parts: ['params'] },
  { title: 'Model', parts: ['model'] },
  { title: 'Training', parts: ['training'] },
  { title: 'Data', parts: ['data'] },
  { title: 'Selection', parts: ['selection'] },
  { title: 'Command', parts: ['task'] },
  { title: 'Seeds of single purposes', parts: ['seeds'], closed: true },
  { title: 'Environment', parts: ['executor', 'environment'], closed: true },
  { title: 'Labels', parts: ['author', 'description', 'tags'], closed: true },
];

const partOf = (path: string): string => path.split('.', 1)[0] ?? '';
const NO_PROBLEMS: readonly string[] = [];
const NO_LEVELS: ReadonlyMap<number, string> = new Map();

function FormSection({ title, note, open, onToggle, children }: { readonly title: string; readonly note?: string | null; readonly open: boolean; readonly onToggle?: () => void; readonly children: ReactNode }) {
  const id = useId();
  return (
    <section className="form-section" aria-labelledby={id}>
      <h2 id={id} className="form-title">
        {onToggle === undefined ? (
          title
        ) : (
          <button type="button" aria-expanded={open} onClick={onToggle}>
            <ChevronRight size={14} aria-hidden="true" />
            {title}
            {note != null && !open && <span className="soft form-note">{note}</span>}
          </button>
        )}
      </h2>
      {open && children}
    </section>
  );
}

interface LeafSectionProps {
  readonly title: string;
  readonly closed: boolean;
  readonly fields: readonly Field[];
  readonly factors: readonly WrittenFactor[];
  readonly problems: SortedProblems;
  readonly fresh: string | null;
  readonly onHint: (field: Field | null) => void;
  readonly onVaried: (path: string | null) => void;
}

function LeafSection({ title, closed, fields, factors, problems, fresh, onHint, onVaried }: LeafSectionProps) {
  const [opened, setOpened] = useState(!closed);
  const wrong = fields.some(({ path }) => problems.leaves.has(path));
  const set = fields.filter(({ value }) => value !== undefined).length;
  const varied = fields.filter((field) => factorOver(factors, field) !== null).length;
  const note = [set > 0 ? `${set} set` : null, varied > 0 ? `${varied} varied` : null].filter((part) => part !== null).join(', ');
  return (
    <FormSection title={title} note={note} open={opened || wrong} {...(closed ? { onToggle: () => setOpened((open) => !open) } : {})}>
      {fields.map((field) => {
        const factor = factorOver(factors, field);
        const own = problems.leaves.get(field.path) ?? NO_PROBLEMS;
        const ofFactor = factor === null ? undefined : problems.factors.get(factor.index);
        return (
          <FieldRow
            key={field.path}
            field={field}
            factor={factor}
            problems={ofFactor === undefined || ofFactor.own.length === 0 ? own : [...own, ...ofFactor.own]}
            levelProblems={ofFactor?.levels ?? NO_LEVELS}
            fresh={fresh === field.path}
            onHint={onHint}
            onVaried={onVaried}
          />
        );
      })}
    </FormSection>
  );
}

export interface StudyFormProps {
  readonly reading: StudyReading;
  readonly broken: SyntaxProblem | null;
  readonly problems: StudyReading['problems'];
  readonly onReveal: (place: Place) => void;
}

export function StudyForm({ reading, broken, problems, onReveal }: StudyFormProps) {
  const [hinted, setHinted] = useState<Field | null>(null);
  const [fresh, setFresh] = useState<string | null>(null);
  const { input, file, locate } = reading;
  const fields = useMemo(() => fieldsOf(writtenBaseline(input)), [input]);
  const factors = useMemo(() => writtenFactors(input), [input]);
  const placed = useMemo(() => new Set(file === null ? fields.flatMap((field) => factorOver(factors, field)?.index ?? []) : []), [file, fields, factors]);
  const sorted = useMemo(() => sortProblems(problems, fields.map(({ path }) => path)), [problems, fields]);
  return (
    <div className="form">
      {broken !== null && (
        <div className="form-broken" role="status">
          <p>
            The YAML breaks in line {broken.line}: {broken.message}. The form shows what it said before.
          </p>
          <button type="button" className="quiet-button" onClick={() => onReveal(broken)}>
            Go to line {broken.line}
          </button>
        </div>
      )}
      {/* While its controls are off, the form itself is what can be scrolled by keyboard. */}
      <div className="form-scroll" {...(broken === null ? {} : { tabIndex: 0, role: 'group', 'aria-label': 'The study as a form' })}>
        <fieldset className="form-fields" disabled={broken !== null}>
          <legend className="hidden">The study</legend>
          <FormSection title="Study" open>
            <StudyFields input={input as Readonly<Record<string, unknown>>} factors={factors} placed={placed} problems={sorted} locate={locate} onReveal={onReveal} />
          </FormSection>
          {sorted.others.length > 0 && (
            <div className="form-others field-problem">
              {sorted.others.map((problem) => (
                <p key={problem}>{problem}</p>
              ))}
            </div>
          )}
          {file === null && <CommandLine baseline={writtenBaseline(input)} onReveal={() => onReveal(locate('baseline.task.command'))} />}
          {file === null ? (
            SECTIONS.map(({ title, parts, closed }) => {
              const own = fields.filter(({ path }) => parts.includes(partOf(path)));
              // A training has no command, a command no model.
              return own.length > 0 && <LeafSection key={title} title={title} closed={closed ?? false} fields={own} factors={factors} problems={sorted} fresh={fresh} onHint={setHinted} onVaried={setFresh} />;
            })
          ) : (
            <p className="soft form-file">
              The baseline is the file <span className="mono">{file}</span>. Change it there, or write the config itself under <span className="mono">baseline</span>.
            </p>
          )}
        </fieldset>
      </div>
      <p className="form-hint small" aria-hidden="true">
        {hinted === null ? (
          'Vary makes a value a factor: the baseline keeps it, each level beside it is a variant.'
        ) : (
          <>
            <strong>{titleOf(hinted)}</strong> {hintOf(hinted)} <span className="mono">{hinted.path}</span>
          </>
        )}
      </p>
    </div>
  );
}
