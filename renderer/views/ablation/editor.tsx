/** The editor of a study: form and YAML side by side, always in step, and what would run. */
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from 'react';
import { Button } from '@mantine/core';
import type { Place } from '../../../src/config/locate';
import { isMapping } from '../../../src/config/mapping';
import type { StudyPlan } from '../../../src/api/rows';
import * as format from '../../format';
import { View } from '../../frame/view';
import { complain } from '../../notice';
import { call, outdated } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { go } from '../../state/place';
import { bringBack, isDirty, newDraft, redo, save, saveAs, setText, TYPED, undo, useDraft, type Draft } from './draft';
import { StudyForm } from './form';
import { MachineChoice } from './machine-choice';
import { Preview } from './preview';
import { usePlan, useReading, type DraftReading, type Planning } from './reading';
import { keepStarted } from './started';
import './ablation.css';
import './editor.css';

const YamlEditor = lazy(async () => ({ default: (await import('../../editor/yaml-editor')).YamlEditor }));

const onTyped = (text: string): void => setText(text, TYPED);
const fileName = (path: string): string => path.replace(/^.*[/\\]/u, '');

/** The name of the study that a draft holds. */
export function nameOf(input: unknown): string {
  const experiment = isMapping(input) ? input['experiment'] : undefined;
  return typeof experiment === 'string' && experiment.trim() !== '' ? experiment : 'untitled';
}

function runWords({ totalRuns, reusedRuns }: StudyPlan): string {
  return totalRuns === reusedRuns ? 'Open results' : `Run ${format.count(totalRuns - reusedRuns)}`;
}

/** Why it cannot be started, and where that is; null: it can. */
function obstacle({ broken, reading }: DraftReading, { error, problems }: Planning): { readonly text: string; readonly place: Place | null } | null {
  if (broken !== null) return { text: `Line ${broken.line}: ${broken.message}`, place: broken };
  const all = [...(reading?.problems ?? []), ...problems];
  const [first] = all;
  if (first !== undefined) return { text: `${all.length > 1 ? `${all.length} problems. ` : ''}${first.path} ${first.message}`, place: first };
  return error === null ? null : { text: 'It cannot be planned: see below', place: null };
}

/** @param on machine in place of that of its baseline */
function useStart(draft: Draft, on: string | null): { readonly starting: boolean; readonly start: () => void } {
  const [starting, setStarting] = useState(false);
  const { text, folder } = draft;
  const start = useCallback((): void => {
    // What was typed a moment ago has not been planned yet, and so not been shown.
    if (useDraft.getState().draft?.text !== text) return;
    setStarting(true);
    call('studies.start', { study: { text, folder }, ...(on === null ? {} : { on }) })
      .then(({ studyId, warnings }) => {
        keepStarted(studyId, { warnings, folder });
        outdated('studies.list', 'studies.plan', 'experiments.list');
        go({ view: 'study', studyId });
      })
      .catch((error: unknown) => {
        complain('The ablation could not be started', error);
        setStarting(false);
      });
  }, [text, folder, on]);
  return { starting, start };
}

function EditorOf({ draft }: { readonly draft: Draft }) {
  const read = useReading(draft);
  const [on, setOn] = useState<string | null>(null);
  const planning = usePlan(read, draft.folder, on);
  const [reveal, setReveal] = useState<Place | null>(null);
  const { starting, start } = useStart(draft, on);
  const { reading, broken } = read;
  const name = nameOf(reading?.input);
  const problems = useMemo(() => [...(reading?.problems ?? []), ...planning.problems], [reading, planning.problems]);
  const marks = useMemo(() => (broken === null ? problems.map(({ from, to, path, message }) => ({ from, to, message: `${path} ${message}` })) : [broken]), [broken, problems]);
  const onReveal = useCallback(({ from, to, line }: Place) => setReveal({ from, to, line }), []);

  const wrong = obstacle(read, planning);
  const ready = wrong === null && planning.plan !== null && !planning.stale && !starting;
  const onSave = useCallback(() => void save(name), [name]);
  const onSaveAs = useCallback(() => void saveAs(name), [name]);
  useCommand('study.save', onSave);
  useCommand('study.saveAs', onSaveAs);
  useCommand('edit.undo', draft.undo.length > 0 ? undo : null);
  useCommand('edit.redo', draft.redo.length > 0 ? redo : null);
  useCommand('study.run', ready ? start : null);

  const dirty = isDirty(draft);
  const place = wrong?.place ?? null;
  return (
    <View
      fixed
      title={name}
      subtitle={
        <span title={draft.path ?? undefined}>
          {draft.path === null ? 'Not saved to a file' : fileName(draft.path)}
          {dirty && (
            <span className="editor-dirty">
              <span aria-hidden="true"> ●</span> unsaved changes
            </span>
          )}
        </span>
      }
      actions={
        <>
          {wrong !== null && (
            <span className="editor-wrong" role="status">
              {place === null ? (
                <span className="truncate">{wrong.text}</span>
              ) : (
                <button type="button" className="truncate" title={`${wrong.text}\nShow it in the YAML`} onClick={() => onReveal(place)}>
                  {wrong.text}
                </button>
              )}
            </span>
          )}
          <MachineChoice value={on} onChange={setOn} />
          <Button variant="default" onClick={onSave} disabled={!dirty && draft.path !== null}>
            Save
          </Button>
          <Button onClick={start} disabled={!ready} loading={starting}>
            {planning.plan === null || wrong !== null ? 'Run' : runWords(planning.plan)}
          </Button>
        </>
      }
    >
      {draft.replaced !== null && (
        <p className="editor-replaced">
          An unsaved draft is kept behind this one.
          <button type="button" className="quiet-button" onClick={bringBack}>
            Bring it back
          </button>
        </p>
      )}
      <div className="editor">
        {reading !== null && <StudyForm reading={reading} broken={broken} problems={problems} onReveal={onReveal} />}
        <section className="editor-yaml" aria-label="The study as YAML">
          <Suspense fallback={<pre className="mono editor-waiting">{draft.text}</pre>}>
            <YamlEditor text={draft.text} label="The study as YAML" marks={marks} reveal={reveal} onChange={onTyped} onUndo={undo} onRedo={redo} />
          </Suspense>
        </section>
        {reading !== null && <Preview reading={reading} planning={planning} />}
      </div>
    </View>
  );
}

export function Editor() {
  const draft = useDraft((state) => state.draft);
  // Reached without a draft (by going back, say): a new study begins.
  useEffect(() => {
    if (draft === null) newDraft();
  }, [draft]);
  return draft === null ? null : <EditorOf draft={draft} />;
}
