/** Two to six runs side by side: what differs in config, environment, data and result, and their losses over one another. */
import { useCallback, useMemo, useRef, useState } from 'react';
import { Button, TextInput } from '@mantine/core';
import { Search } from 'lucide-react';
import type { Output } from '../../../src/api/contract';
import type { RunView } from '../../../src/api/rows';
import { variantStyle } from '../../charts/palette';
import type { Style } from '../../charts/types';
import { Empty, Failure, Loading } from '../../components/messages';
import { Section, View } from '../../frame/view';
import { count, plural } from '../../format';
import { copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go, replace } from '../../state/place';
import { Leaves, type At } from './leaves';
import { RunCurves } from './run-curves';
import { copyText, differs, fullText, moved, shownSections, type Row } from './values';
import './compare.css';
import './side-by-side.css';

type Study = Output<'studies.get'>;

function plainName({ variant, experiment, seed }: RunView): string {
  return `${variant ?? experiment}, seed ${seed}`;
}

/** Names that tell the runs apart: with the run's id where two would be called the same. */
function namesOf(runs: readonly RunView[]): string[] {
  const names = runs.map(plainName);
  return runs.map((run, index) => {
    const name = names[index] ?? '';
    return names.indexOf(name) === names.lastIndexOf(name) ? name : `${name} (${run.runId})`;
  });
}

const DASHES: readonly Style['dash'][] = ['solid', 'dash', 'dot', 'dashdot'];

/** The variant's look in its study, runs of the same variant by dashes; in the order of the columns where the runs have no study in common. */
function stylesOf(runs: readonly RunView[], study: Study | undefined): Style[] {
  const places = runs.map(({ variant }) => study?.matrix.findIndex(({ name }) => name === variant) ?? -1);
  if (places.includes(-1)) return runs.map((_, column) => variantStyle(column));
  return places.map((place, column) => {
    const style = variantStyle(place);
    const before = places.slice(0, column).filter((other) => other === place).length;
    return before === 0 ? style : { ...style, dash: DASHES[before % DASHES.length] ?? 'solid' };
  });
}

function LeafDetails({ row, names }: { readonly row: Row; readonly names: readonly string[] }) {
  return (
    <div className="beside-leaf">
      {row.values.map((cell, column) => (
        <Section
          key={names[column]}
          title={names[column] ?? ''}
          aside={
            <button type="button" className="compare-link" aria-label={`Copy ${row.path} of ${names[column] ?? ''}`} onClick={() => void copy(copyText(cell), row.path)}>
              Copy
            </button>
          }
        >
          <p className="mono beside-full">{fullText(cell)}</p>
          {column > 0 && <p className="soft small">{differs(cell, row.values[0]) ? '≠ differs from the base' : 'same as the base'}</p>}
        </Section>
      ))}
    </div>
  );
}

export function SideBySide({ runs: ids }: { readonly runs: readonly string[] }) {
  const enough = ids.length >= 2 && ids.length <= 6;
  const answer = useAnswer('compare.runs', enough ? { runs: [...ids] } : null, { keep: true });
  const sides = answer.data;
  const studyIds = new Set(sides?.runs.map(({ studyId }) => studyId));
  const [studyId] = studyIds;
  const study = useAnswer('studies.get', studyIds.size === 1 && studyId !== undefined && studyId !== null ? { studyId } : null).data;
  const [search, setSearch] = useState('');
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState<At | null>(null);
  const searchField = useRef<HTMLInputElement>(null);
  const find = useCallback(() => searchField.current?.select(), []);
  useCommand('edit.find', find);

  const names = useMemo(() => (sides === undefined ? [] : namesOf(sides.runs)), [sides]);
  const named = useMemo(() => {
    if (sides === undefined) return [];
    const styles = stylesOf(sides.runs, study);
    return sides.runs.map(({ runId }, column) => ({ runId, name: names[column] ?? '', style: styles[column] ?? variantStyle(column) }));
  }, [sides, study, names]);

  if (!enough) {
    return (
      <View title="Side by side">
        <Empty title="Pick two to six runs" action={<Button onClick={() => go({ view: 'experiments' })}>Show runs</Button>}>
          Select runs in the list and choose “Compare runs side by side”.
        </Empty>
      </View>
    );
  }
  if (sides === undefined) {
    return <View title="Side by side">{answer.isError ? <Failure title="The runs could not be compared" error={answer.error} onRetry={() => void answer.refetch()} /> : <Loading text="Comparing the runs…" />}</View>;
  }

  const sections = shownSections(sides.sections, search, unfolded);
  const differences = sides.sections.reduce((sum, { rows }) => sum + rows.filter(({ same }) => !same).length, 0);
  const selected = sides.sections.find(({ title }) => title === at?.section)?.rows.find(({ path }) => path === at?.path);
  const fold = (section: string): void => {
    const next = new Set(unfolded);
    if (!next.delete(section)) next.add(section);
    setUnfolded(next);
  };
  return (
    <View
      title="Side by side"
      subtitle={`${plural(sides.runs.length, 'run')}, ${count(differences)} of ${plural(sides.sections.reduce((sum, { rows }) => sum + rows.length, 0), 'leaf', 'leaves')} differ`}
      actions={<TextInput ref={searchField} className="beside-search" aria-label="Find leaves" placeholder="Find leaves" leftSection={<Search size={14} aria-hidden="true" />} value={search} onChange={(event) => setSearch(event.currentTarget.value)} onKeyDown={(event) => event.key === 'Escape' && setSearch('')} />}
      inspector={selected === undefined ? null : { title: selected.path, content: <LeafDetails row={selected} names={names} /> }}
    >
      <div className="beside-page">
        <Section title="Leaves" aside="Enter or a double click copies a cell">
          <div className="compare-scroll">
            <Leaves runs={sides.runs} names={names} sections={sections} unfolded={unfolded} at={at} onAt={setAt} onFold={fold} onMove={(from, to) => replace({ view: 'side-by-side', runs: moved(sides.runs.map(({ runId }) => runId), from, to) })} />
          </div>
          {sections.length === 0 && <p className="compare-nothing soft">No leaf has “{search}” in its path.</p>}
        </Section>
        <Section title="Train loss">
          <RunCurves runs={named} />
        </Section>
      </div>
    </View>
  );
}
