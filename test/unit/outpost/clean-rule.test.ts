import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, goes, SENT_DAYS, type Found, type JobThing, type RunThing, type Thing, type Why } from '../../../src/outpost/clean-rule';

const DAY = 86_400_000;
const NOW = 1000 * DAY;
const hash = (letter: string): string => letter.repeat(64);
const kit = (letter: string): string => letter.repeat(32);

const thing = (kind: Thing['kind'], name: string, days: number, more: Partial<Thing> = {}): Thing => ({ kind, name, bytes: 1, lastUse: NOW - days * DAY, isForeign: false, ...more });
const run = (name: string, days: number, more: Partial<RunThing> = {}): RunThing => ({ ...thing('run', name, days), here: 'other', life: 'dead', hasEnded: true, hasOrder: false, programs: kit('a'), needs: [], ...more });
const job = (name: string, days: number, runs: readonly string[], more: Partial<JobThing> = {}): JobThing => ({ ...thing('job', name, days), runs, programs: [kit('a')], ...more });
const found = (more: Partial<Found>): Found => ({ now: NOW, days: 30, current: kit('c'), alive: new Set(), queue: null, runs: [], jobs: [], others: [], lists: new Map(), ...more });
const whys = (more: Partial<Found>): Record<string, Why> => Object.fromEntries(decide(found(more)).map(({ thing: { name }, why }) => [name, why]));

describe('what may go from a machine', () => {
  it('is no run that is not over, however long nobody heard of it', () => {
    expect(
      whys({
        queue: new Set(['t1']),
        jobs: [job('t1', 400, ['waits']), job('t2', 400, ['cancelled'])],
        runs: [
          run('alive', 400, { life: 'alive' }),
          run('waits', 400, { life: null, hasEnded: false, hasOrder: true }),
          run('open', 400, { here: 'open' }),
          run('elsewhere', 400, { life: 'unknown', hasEnded: false }),
          // On a node, of a job that the queue knows no more.
          run('cancelled', 400, { life: 'unknown', hasEnded: false, hasOrder: true }),
          run('over', 400),
        ],
      }),
    ).toEqual({ alive: 'running', waits: 'waiting', open: 'open', elsewhere: 'may-run', cancelled: 'unused', over: 'unused', t1: 'waiting', t2: 'unneeded' });
  });

  it('is no run of a job whose queue cannot be asked', () => {
    expect(whys({ queue: null, jobs: [job('t', 400, ['waits', 'gone'])], runs: [run('waits', 400, { life: null, hasEnded: false, hasOrder: true })] })).toEqual({ waits: 'may-run', t: 'needed' });
  });

  it('is a run that is over after its days, and one whose files were all fetched at once', () => {
    expect(whys({ runs: [run('young', 29.9), run('old', 30), run('failed here', 1), run('fetched', 1, { here: 'finished' }), run('being fetched', 0.01, { here: 'finished' }), run('of tomorrow', -1, { here: 'finished' })] })).toEqual({ young: 'recent', old: 'unused', 'failed here': 'recent', fetched: 'finished', 'being fetched': 'recent', 'of tomorrow': 'recent' });
  });

  it('is what was sent and no run that stays needs, through the lists of code states', () => {
    const others = [thing('object', hash('1'), 100), thing('object', hash('2'), 100), thing('object', hash('3'), 100), thing('object', hash('4'), 100), thing('object', hash('5'), SENT_DAYS - 0.1), thing('input', hash('6'), 100), thing('input', hash('7'), 100), thing('unfinished', 'objects/tmp-x', 100)];
    const runs = [run('stays', 1, { needs: [hash('1'), hash('6')] }), run('goes', 100, { needs: [hash('4'), hash('7')] })];
    expect(whys({ runs, others, lists: new Map([[hash('1'), [hash('2'), hash('1')]]]) })).toMatchObject({ [hash('1')]: 'needed', [hash('2')]: 'needed', [hash('3')]: 'unneeded', [hash('4')]: 'unneeded', [hash('5')]: 'recent', [hash('6')]: 'needed', [hash('7')]: 'unneeded', 'objects/tmp-x': 'unneeded' });
  });

  it('is no program that answers, lives here, is named by a run or job that stays, or was used this week', () => {
    const others = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => thing('programs', kit(letter), letter === 'f' ? 1 : 100));
    const state = { others, alive: new Set([kit('d')]), queue: new Set(['t']), jobs: [job('t', 100, ['gone'], { programs: [kit('b')] })] };
    expect(whys({ ...state, runs: [run('stays', 1)] })).toMatchObject({ [kit('a')]: 'needed', [kit('b')]: 'needed', [kit('c')]: 'current', [kit('d')]: 'running', [kit('e')]: 'unneeded', [kit('f')]: 'recent' });
    // One that does not say by which it is carried out.
    expect(whys({ ...state, runs: [run('alive', 1, { life: 'alive', programs: null })] })).toMatchObject({ [kit('a')]: 'unclear', [kit('e')]: 'unclear', [kit('b')]: 'needed' });
  });

  it('is what was sent sooner where a person wants runs kept shorter', () => {
    const others = [thing('programs', kit('a'), 2), thing('object', hash('1'), 0.5)];
    expect(whys({ others, days: 1 })).toEqual({ [kit('a')]: 'unneeded', [hash('1')]: 'recent' });
  });

  it('is nothing of other users, and nothing that they may need where nobody can look', () => {
    const others = [thing('object', hash('1'), 100), thing('object', hash('2'), 100, { isForeign: true })];
    expect(whys({ others, runs: [run('theirs', 100, { isForeign: true, needs: [hash('1')] })] })).toEqual({ theirs: 'foreign', [hash('1')]: 'needed', [hash('2')]: 'foreign' });
    expect(whys({ others, runs: [run('theirs', 100, { isForeign: true, needs: null, hasEnded: false, life: 'unknown' })] })).toEqual({ theirs: 'may-run', [hash('1')]: 'unclear', [hash('2')]: 'foreign' });
    expect(whys({ others, jobs: [job('theirs', 100, [], { isForeign: true, runs: null })] })).toEqual({ theirs: 'foreign', [hash('1')]: 'unclear', [hash('2')]: 'foreign' });
  });
});

const letters = ['1', '2', '3', '4'] as const;
const age = fc.oneof(fc.constantFrom(0, SENT_DAYS, 30), fc.double({ min: -5, max: 500, noNaN: true }));
const anyRun = (name: string): fc.Arbitrary<RunThing> =>
  fc.record({ days: age, here: fc.constantFrom('open', 'finished', 'other'), life: fc.constantFrom('alive', 'dead', 'unknown', null), hasEnded: fc.boolean(), hasOrder: fc.boolean(), isForeign: fc.boolean(), programs: fc.constantFrom(null, kit('1'), kit('2')), needs: fc.oneof(fc.constant(null), fc.subarray(letters.map(hash))) }).map(({ days, ...more }) => run(name, days, more as Partial<RunThing>));
const anyJob = (name: string): fc.Arbitrary<JobThing> => fc.record({ days: age, runs: fc.oneof(fc.constant(null), fc.subarray(['r0', 'r1', 'r2'])), isForeign: fc.boolean(), programs: fc.subarray([kit('1'), kit('2')]) }).map(({ days, runs, ...more }) => job(name, days, [], { runs, ...more }));
const anyThing = (kind: Thing['kind'], name: string): fc.Arbitrary<Thing> => fc.record({ days: age, isForeign: fc.boolean() }).map(({ days, isForeign }) => thing(kind, name, days, { isForeign }));
const anything: fc.Arbitrary<Found> = fc
  .record({
    days: fc.integer({ min: 1, max: 60 }),
    runs: fc.tuple(anyRun('r0'), anyRun('r1'), anyRun('r2')),
    jobs: fc.tuple(anyJob('t0'), anyJob('t1')),
    queue: fc.oneof(fc.constant(null), fc.subarray(['t0', 't1']).map((names) => new Set(names))),
    alive: fc.subarray([kit('1'), kit('2')]).map((names) => new Set(names)),
    others: fc.tuple(...letters.map((letter) => anyThing('object', hash(letter))), anyThing('programs', kit('1')), anyThing('programs', kit('2')), anyThing('programs', kit('c')), anyThing('unfinished', 'inputs/x.part')),
    lists: fc.subarray([...letters]).map((names) => new Map(names.map((letter): [string, readonly string[]] => [hash(letter), letters.filter((other) => other > letter).map(hash)]))),
  })
  .map((more) => found(more));

/** All that something needs, through lists of lists. */
function reach(lists: Found['lists'], names: readonly string[]): Set<string> {
  const all = new Set(names);
  for (const name of all) for (const inner of lists.get(name) ?? []) all.add(inner);
  return all;
}

describe('whatever lies there', () => {
  it('is judged once each, and never goes where a run that is not over could want it', () => {
    fc.assert(
      fc.property(anything, (there) => {
        const verdicts = decide(there);
        const things = [...there.runs, ...there.jobs, ...there.others];
        expect(verdicts.map((verdict) => verdict.thing.name).sort()).toEqual(things.map(({ name }) => name).sort());
        const gone = verdicts.filter(({ why }) => goes(why)).map((verdict) => verdict.thing);
        const goneNames = new Set(gone.map(({ name }) => name));
        for (const { isForeign, lastUse, kind } of gone) {
          expect(isForeign).toBe(false);
          expect(NOW - lastUse).toBeGreaterThanOrEqual(kind === 'run' ? 3_600_000 : Math.min(SENT_DAYS, there.days) * DAY);
        }
        expect(goneNames.has(there.current)).toBe(false);
        for (const name of [...there.alive, ...(there.queue ?? [])]) expect(goneNames.has(name)).toBe(false);
        for (const one of there.runs) {
          const own = there.jobs.filter(({ runs }) => runs?.includes(one.name) === true);
          const isOver = one.here !== 'open' && one.life !== 'alive' && !own.some(({ name }) => there.queue?.has(name) === true) && !(one.hasOrder && own.length > 0 && there.queue === null);
          if (!isOver) expect(goneNames.has(one.name)).toBe(false);
          if (goneNames.has(one.name)) {
            // Its own workspace has all of it, or nobody touched it for as long as runs are kept.
            if (one.here !== 'finished') expect(NOW - one.lastUse).toBeGreaterThanOrEqual(there.days * DAY);
            continue;
          }
          for (const name of reach(there.lists, [...(one.needs ?? []), ...(one.programs === null ? [] : [one.programs])])) expect(goneNames.has(name)).toBe(false);
          for (const { name } of own) expect(goneNames.has(name)).toBe(false);
          if (one.needs === null) expect(gone.filter(({ kind }) => kind === 'object' || kind === 'programs' || kind === 'input')).toEqual([]);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('goes the more the longer nobody used it', () => {
    const later = (there: Found, ms: number): Found => ({ ...there, now: there.now + ms });
    fc.assert(
      fc.property(anything, fc.integer({ min: 0, max: 400 * DAY }), (there, ms) => {
        const names = (of: Found): string[] => decide(of).filter(({ why }) => goes(why)).map((verdict) => verdict.thing.name);
        expect(names(later(there, ms))).toEqual(expect.arrayContaining(names(there)));
      }),
      { numRuns: 500 },
    );
  });
});
