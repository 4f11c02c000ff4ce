/** What the draft's text says, read when typing pauses, and what the engine would run of it. */
import { useEffect, useMemo, useState } from 'react';
import type { Output } from '../../../src/api/contract';
import { readStudyText, type PlacedProblem, type StudyReading } from '../../../src/ablation/read';
import type { SyntaxProblem } from '../../../src/config/locate';
import { reportOf } from '../../client';
import { outdated, useAnswer } from '../../state/answers';
import { useLive } from '../../state/live';
import { TYPED, type Draft } from './draft';

const TYPING_MS = 150;
const PLAN_MS = 400;

/** A value once it has not changed for a while; at once where `ms` is 0. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return ms === 0 ? value : settled;
}

export interface DraftReading {
  /** The text that was read. */
  readonly text: string;
  /** What the text says; while its YAML is broken, what it said last. */
  readonly reading: StudyReading | null;
  readonly broken: SyntaxProblem | null;
}

export function useReading({ text, last }: Draft): DraftReading {
  const settled = useSettled(text, last?.what === TYPED ? TYPING_MS : 0);
  const read = useMemo(() => readStudyText(settled), [settled]);
  const [kept, setKept] = useState<StudyReading | null>(null);
  const reading = read.ok ? read.reading : kept;
  if (reading !== kept) setKept(reading);
  return { text: settled, reading, broken: read.ok ? null : read.problem };
}

export interface Planning {
  readonly plan: Output<'studies.plan'> | null;
  /** Whether the plan is of an earlier text. */
  readonly stale: boolean;
  /** Why there is none of this text. */
  readonly error: unknown;
  readonly problems: readonly PlacedProblem[];
}

/** What the engine would run of a study without problems, asked for when editing pauses. @param on machine in place of that of its baseline */
export function usePlan({ text, reading, broken }: DraftReading, folder: string | null, on: string | null = null): Planning {
  const sound = broken === null && reading !== null && reading.problems.length === 0;
  const asked = useSettled(text, PLAN_MS);
  const answer = useAnswer('studies.plan', sound && asked === text ? { study: { text: asked, folder }, ...(on === null ? {} : { on }) } : null, { keep: true });
  // A run that ended may stand in for one of the plan's.
  useEffect(() => {
    outdated('studies.plan');
    return useLive.subscribe((now, before) => {
      if (now.queue?.running !== before.queue?.running || now.queue?.queued !== before.queue?.queued) outdated('studies.plan');
    });
  }, []);
  const failed = sound && asked === text && answer.isError;
  const problems = useMemo(() => (failed && reading !== null ? (reportOf(answer.error).problems ?? []).map((problem) => ({ ...problem, ...reading.locate(problem.path) })) : []), [failed, answer.error, reading]);
  return { plan: answer.data ?? null, stale: !sound || asked !== text || answer.isPlaceholderData || answer.isPending || failed, error: failed ? answer.error : null, problems };
}
