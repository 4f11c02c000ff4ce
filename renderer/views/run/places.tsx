/** Where a run's attempts were carried out, where that was not plainly on this machine. */
import type { RunDetails } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import * as format from '../../format';
import { Section } from '../../frame/view';

type PlaceView = RunDetails['places'][number];

/** Of what executors tell, what says something to people; the rest is for the host that takes a run up. */
const FACT_NAMES: Readonly<Record<string, string>> = { image: 'Image', imageDigest: 'Image digest', imageId: 'Image id', engine: 'Engine', folder: 'Folder there', script: 'Batch script (SHA-256)', gpus: 'GPUs' };

function timesOf({ submittedAt, startedAt, endedAt }: PlaceView): string {
  const waited = submittedAt === null || startedAt === null ? null : startedAt - submittedAt;
  return [
    ...(submittedAt === null ? [] : [`handed over ${format.moment(submittedAt)}`]),
    ...(startedAt === null ? [] : [`started ${format.moment(startedAt)}${waited === null ? '' : `, after ${format.duration(waited)}`}`]),
    ...(endedAt === null || startedAt === null ? [] : [`took ${format.duration(endedAt - startedAt)}`]),
  ].join(' · ');
}

function whereOf({ executor, machine }: PlaceView): string {
  if (executor === 'local') return 'this machine';
  return machine === null ? `${executor} on this machine` : `${machine} (${executor})`;
}

export function Places({ places }: { readonly places: readonly PlaceView[] }) {
  if (places.length === 0) return null;
  const several = places.length > 1;
  return (
    <Section title="Where it ran" aside={several ? format.plural(places.length, 'attempt') : undefined}>
      {places.map((place) => (
        <dl key={`${place.attempt} ${place.executor} ${place.machine ?? ''}`} className="run-place">
          <Fact name={several ? `Attempt ${place.attempt}` : 'Machine'}>
            {whereOf(place)}
            {place.state === '' ? '' : `: ${place.state}`}
          </Fact>
          {place.node !== null && <Fact name="Node">{place.node}</Fact>}
          {place.job !== null && (
            <Fact name="Job">
              <span className="mono run-place-value">{place.job}</span>
            </Fact>
          )}
          <Fact name="Times">{timesOf(place)}</Fact>
          {place.facts.map(({ name, value }) => {
            const title = FACT_NAMES[name];
            return title === undefined ? null : (
              <Fact key={name} name={title}>
                <span className="mono run-place-value">{value}</span>
              </Fact>
            );
          })}
        </dl>
      ))}
    </Section>
  );
}
