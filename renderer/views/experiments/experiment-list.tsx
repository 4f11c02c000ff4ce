/** The experiments with their counts and states; one of them, or all runs, is shown beside. */
import { memo, useEffect, useRef, type KeyboardEvent } from 'react';
import type { Output } from '../../../src/api/contract';
import { StateCounts } from '../../components/state-counts';
import { count } from '../../format';
import { go } from '../../state/place';

export type Experiment = Output<'experiments.list'>[number];

export const ALL = 'All runs';

export function show(experiment: string | null): void {
  go(experiment === null ? { view: 'experiments' } : { view: 'experiments', experiment });
}

// Each experiment is a place of its own, and the list is made anew with it: whoever chose in the list goes on in it.
let chosenHere = false;

export function total(experiments: readonly Experiment[]): number {
  return experiments.reduce((sum, { runs }) => sum + runs, 0);
}

interface EntryProps {
  readonly name: string | null;
  readonly runs: number;
  readonly byStatus: Experiment['byStatus'] | null;
  readonly shown: boolean;
  readonly stop: boolean;
}

const Entry = memo(function Entry({ name, runs, byStatus, shown, stop }: EntryProps) {
  return (
    <li>
      <button type="button" className="experiments-entry" aria-current={shown ? 'true' : undefined} tabIndex={stop ? 0 : -1} onClick={() => {
          chosenHere = true;
          show(name);
        }}
      >
        <span className="experiments-name">
          <span className="truncate" title={name ?? undefined}>
            {name ?? ALL}
          </span>
          <span className="soft numbers">
            {count(runs)}
            <span className="hidden"> {runs === 1 ? 'run' : 'runs'}</span>
          </span>
        </span>
        {byStatus !== null && (
          <span className="small soft">
            <StateCounts byStatus={byStatus} />
          </span>
        )}
      </button>
    </li>
  );
});

export const ExperimentList = memo(function ExperimentList({ experiments, shown }: { readonly experiments: readonly Experiment[]; readonly shown: string | null }) {
  const list = useRef<HTMLUListElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const buttons = [...(list.current?.querySelectorAll<HTMLElement>('button') ?? [])];
    const now = buttons.indexOf(event.target as HTMLElement);
    const to = { ArrowUp: now - 1, ArrowDown: now + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons[to]?.focus();
  };
  useEffect(() => {
    const entry = list.current?.querySelector<HTMLElement>('[aria-current]');
    entry?.scrollIntoView({ block: 'nearest' });
    if (chosenHere) entry?.focus();
    chosenHere = false;
  }, []);
  const known = shown === null || experiments.some(({ name }) => name === shown);
  return (
    <nav className="experiments-list" aria-label="Experiments" onKeyDown={onKeyDown}>
      <ul ref={list}>
        <Entry name={null} runs={total(experiments)} byStatus={null} shown={shown === null} stop={shown === null || !known} />
        {experiments.map(({ name, runs, byStatus }) => (
          <Entry key={name} name={name} runs={runs} byStatus={byStatus} shown={name === shown} stop={name === shown} />
        ))}
      </ul>
    </nav>
  );
});
