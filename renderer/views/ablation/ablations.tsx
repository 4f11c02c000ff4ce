/** The studies of the workspace, and the draft that waits. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import { readStudyText } from '../../../src/ablation/read';
import type { StudySummary } from '../../../src/api/views';
import { Empty, Failure, Loading } from '../../components/messages';
import * as format from '../../format';
import { View } from '../../frame/view';
import { useAnswer } from '../../state/answers';
import { newStudy, openFile, openSample } from '../../state/open-file';
import { go } from '../../state/place';
import { Grid, type Column } from '../bundles/grid';
import { bringBack, isDirty, useDraft } from './draft';
import { nameOf } from './editor';
import { StateBar } from './state-bar';
import './ablation.css';
import './study.css';

const columns: readonly Column<StudySummary>[] = [
  { title: 'Experiment', cell: ({ experiment }) => <span className="truncate studies-name" title={experiment}>{experiment}</span> },
  { title: 'Variants × seeds', number: true, cell: ({ variants, seeds }) => `${format.count(variants)} × ${format.count(seeds)}` },
  { title: 'State', cell: (study) => <StateBar study={study} /> },
  { title: 'Started', cell: ({ createdAt }) => format.moment(createdAt) },
];

const openStudy = (studyId: string): void => go({ view: 'study', studyId });
const openStudyFile = (): void => void openFile('study');
const sample = (): void => void openSample();
const edit = (): void => go({ view: 'editor' });
const create = (): void => void newStudy();

function DraftLine() {
  const open = useDraft((state) => state.draft);
  const behind = open !== null && !isDirty(open);
  const draft = behind ? open.replaced : open;
  if (draft === null) return null;
  const read = readStudyText(draft.text);
  return (
    <div className="studies-draft">
      <span className="truncate">
        Draft: <strong>{read.ok ? nameOf(read.reading.input) : 'untitled'}</strong> <span className="soft">unsaved changes</span>
      </span>
      <Button
        variant="default"
        size="compact-sm"
        onClick={() => {
          if (behind) bringBack();
          edit();
        }}
      >
        Continue editing
      </Button>
    </div>
  );
}

export function Ablations() {
  const studies = useAnswer('studies.list', {});
  const [selected, setSelected] = useState<string | null>(null);
  return (
    <View
      title="Ablations"
      {...(studies.data === undefined || studies.data.length === 0 ? {} : { subtitle: format.plural(studies.data.length, 'study', 'studies') })}
      actions={
        <>
          <Button variant="default" onClick={openStudyFile}>
            Open study…
          </Button>
          <Button variant="default" onClick={sample}>
            Sample
          </Button>
          <Button onClick={create}>New ablation</Button>
        </>
      }
    >
      <DraftLine />
      {studies.isPending && <Loading text="Reading the studies…" />}
      {studies.isError && <Failure title="The studies could not be read" error={studies.error} onRetry={() => void studies.refetch()} />}
      {studies.data?.length === 0 && (
        <Empty
          title="No ablation yet"
          action={
            <Button variant="default" onClick={sample}>
              Open the sample
            </Button>
          }
        >
          An ablation takes a baseline, varies one ingredient after the other, and trains each variant over several seeds, so that a difference can be told from chance. The sample is a complete one.
        </Empty>
      )}
      {studies.data !== undefined && studies.data.length > 0 && (
        <div className="studies">
          <Grid label="Studies" columns={columns} rows={studies.data} keyOf={({ studyId }) => studyId} selected={selected} onSelect={setSelected} onOpen={openStudy} opensOnClick />
        </div>
      )}
    </View>
  );
}
