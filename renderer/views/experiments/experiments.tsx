/** Experiments and their runs; where there is none yet, how to begin. */
import { lazy } from 'react';
import { Failure, Loading } from '../../components/messages';
import { View } from '../../frame/view';
import { useAnswer } from '../../state/answers';
import { RunsView } from './runs-view';
import './experiments.css';

const FirstStart = lazy(async () => ({ default: (await import('./first-start')).FirstStart }));

/** @param experiment its name; null: all runs */
export function Experiments({ experiment }: { readonly experiment: string | null }) {
  const experiments = useAnswer('experiments.list', {});
  if (experiments.data !== undefined) return experiments.data.length === 0 ? <FirstStart /> : <RunsView experiment={experiment} experiments={experiments.data} />;
  return <View title="Experiments">{experiments.isError ? <Failure title="The experiments could not be read" error={experiments.error} onRetry={() => void experiments.refetch()} /> : <Loading text="Reading the experiments…" />}</View>;
}
