import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { KeysTable } from '../../../src/store/tables/keys';
import { LatestTable } from '../../../src/store/tables/latest';
import { SeriesTable } from '../../../src/store/tables/series';
import type { Points, SeriesWindow } from '../../../src/store/tracking';
import { numbers, type Numbers } from './numbers';
import { temporaryFolder } from './sample';

interface Point {
  readonly step: number;
  readonly time: number;
  readonly value: number;
}

const RUN = 1;
const KEY = 1;

function seriesTables(): { readonly database: Database; readonly series: SeriesTable; readonly latest: LatestTable } {
  const file = join(temporaryFolder(), 'x.db');
  const database = openDatabase(file, { readonly: false });
  onTestFinished(() => void database.close());
  migrate(database, file);
  database.exec(
    "INSERT INTO keys (key_id, name) VALUES (1, 'loss'); INSERT INTO runs (id, run_id, kind, author, reproduction_id, experiment_id, experiment, calibration, created_at, manifest_sha256, status, log_status, updated_at, filled) " +
      "VALUES (1, 'r', 'logged', '', 'r', 0, 'Default', 0, 0, '', 'running', 'running', 0, 1)",
  );
  return { database, series: new SeriesTable(database), latest: new LatestTable(database, new KeysTable(database)) };
}

function columns(points: readonly Point[]): Points {
  return {
    steps: Float64Array.from(points, ({ step }) => step),
    times: Float64Array.from(points, ({ time }) => time),
    values: Float64Array.from(points, ({ value }) => value),
  };
}

function pointsOf({ steps, times, values }: Points): Point[] {
  return [...steps].map((step, index) => ({ step, time: times[index]!, value: values[index]! }));
}

/** The series by its definition: each point once, sorted by step, time and as they came. */
function expected(logged: readonly Point[]): Point[] {
  const seen = new Set<string>();
  const unique = logged.filter(({ step, time, value }) => {
    const text = `${step} ${time} ${Object.is(value, -0) ? '-0' : value}`;
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
  return unique.map((point, index) => ({ point, index })).sort((a, b) => a.point.step - b.point.step || a.point.time - b.point.time || a.index - b.index).map(({ point }) => point);
}

function randomBatch(random: Numbers, logged: readonly Point[], front: number): Point[] {
  const length = 1 + random.below(random.below(5) === 0 ? 3000 : 60);
  const kind = random.below(6);
  return Array.from({ length }, (_, index): Point => {
    if (kind === 0 && logged.length > 0) return logged[random.below(logged.length)]!;
    if (kind === 1) return { step: random.below(front + 1) - 20, time: random.below(3), value: random.odd() };
    if (kind === 2) return { step: front, time: random.below(4), value: random.below(3) };
    return { step: front + index, time: 1000 + front + index + random.below(3), value: random.odd() };
  });
}

/** What a window must say of the points between two steps, from the points. */
function checkWindow(window: SeriesWindow, all: readonly Point[], fromStep: number, toStep: number, buckets: number): void {
  const inside = all.filter(({ step }) => step >= fromStep && step <= toStep);
  expect(window.points).toBe(inside.length);
  expect(window.counts.reduce((sum, count) => sum + count, 0)).toBe(inside.length);
  expect(window.counts.length).toBeGreaterThanOrEqual(Math.min(buckets, inside.length));
  expect(window.counts.length).toBeLessThanOrEqual(4 * buckets);
  let at = 0;
  for (const [index, count] of window.counts.entries()) {
    const part = inside.slice(at, at + count);
    at += count;
    expect([window.fromSteps[index], window.toSteps[index]]).toEqual([part[0]?.step, part.at(-1)?.step]);
    const values = part.map(({ value }) => value).filter((value) => !Number.isNaN(value));
    const none = values.length === 0;
    expect([window.min[index]! + 0, window.max[index]! + 0]).toEqual(none ? [Number.NaN, Number.NaN] : [Math.min(...values) + 0, Math.max(...values) + 0]);
    expect([window.first[index], window.last[index]]).toEqual(none ? [Number.NaN, Number.NaN] : [values[0], values.at(-1)]);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    if (Number.isFinite(mean) && Math.abs(mean) < 1e200) expect(window.mean[index]).toBeCloseTo(mean, 9);
    else if (!Number.isFinite(mean)) expect(window.mean[index]).toBe(mean);
  }
}

describe('a series', () => {
  it.each([1, 2, 3, 4, 5, 6])('of random batches is what their points are, with every window of it (%i)', (seed) => {
    const { database, series, latest } = seriesTables();
    const random = numbers(seed);
    const logged: Point[] = [];
    let front = 0;
    for (let round = 0; round < 40; round += 1) {
      const batch = randomBatch(random, logged, front);
      logged.push(...batch);
      front = Math.max(front, ...batch.map(({ step }) => step + 1));
      const before = logged.length - batch.length;
      const added = database.transaction(() => {
        const fresh = series.add(RUN, KEY, columns(batch));
        latest.add(RUN, KEY, fresh);
        return fresh;
      })();
      expect(added.values.length).toBe(expected(logged).length - expected(logged.slice(0, before)).length);
    }
    const all = expected(logged);
    expect(pointsOf(series.read(RUN, KEY))).toEqual(all);
    expect(series.problem(RUN, KEY)).toBeNull();
    const from = random.below(all.length);
    expect(pointsOf(series.read(RUN, KEY, from, 5000))).toEqual(all.slice(from, from + 5000));

    const finite = all.map(({ value }) => value).filter((value) => !Number.isNaN(value));
    const end = all.filter(({ step, time }) => step === all.at(-1)!.step && time === all.at(-1)!.time).map(({ value }) => value).filter((value) => !Number.isNaN(value));
    expect(latest.get(RUN, KEY)).toEqual({
      value: end.length === 0 ? Number.NaN : Math.max(...end) + 0, step: all.at(-1)!.step, time: all.at(-1)!.time, points: all.length,
      min: Math.min(...finite) + 0, max: Math.max(...finite) + 0,
    });
    const facts = series.facts(RUN, KEY);
    expect([facts.points, facts.min! + 0, facts.max! + 0]).toEqual([all.length, Math.min(...finite) + 0, Math.max(...finite) + 0]);

    for (const buckets of [1, 3, 16, 100]) {
      const low = random.below(front) - 10;
      const high = low + random.below(front);
      for (const [fromStep, toStep] of [[-1e9, 1e9], [low, high], [low, low], [front + 1, front + 9]] as const) {
        checkWindow(series.window(RUN, KEY, fromStep, toStep, buckets, all.length), all, fromStep, toStep, buckets);
      }
    }
  });

  it('is the same however it is put into batches, also in the form of its rows', () => {
    const random = numbers(11);
    const all = Array.from({ length: 9000 }, (_, step): Point => ({ step, time: step * 5, value: random.unit() }));
    const rowsOf = (sizes: () => number): unknown[] => {
      const { database, series } = seriesTables();
      for (let at = 0; at < all.length; ) {
        const size = sizes();
        series.add(RUN, KEY, columns(all.slice(at, at + size)));
        at += size;
      }
      return database.prepare('SELECT place, points, hex(series.data) AS own, hex(series.summary) AS coarse, hex(chunks.data) AS data, hex(chunks.summary) AS fine FROM series LEFT JOIN chunks ON chunk_id = chunk ORDER BY place').all();
    };
    const whole = rowsOf(() => 9000);
    expect(whole).toHaveLength(5);
    expect(rowsOf(() => 1 + random.below(900))).toEqual(whole);
    expect(rowsOf(() => 7)).toEqual(whole);
  });

  it('written backwards, point by point, stays in order', () => {
    const { database, series } = seriesTables();
    const count = 9500;
    database.transaction(() => {
      for (let step = count; step > 0; step -= 1) series.add(RUN, KEY, columns([{ step, time: 0, value: step }]));
    })();
    expect([...series.read(RUN, KEY).values]).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(series.problem(RUN, KEY)).toBeNull();
  });

  it('finds room between rows however often points come in between the same two', () => {
    const { database, series } = seriesTables();
    const block = (from: number): Points => columns(Array.from({ length: 4096 }, (_, index) => ({ step: from + index, time: 0, value: 1 })));
    const last = 3_000_000;
    database.transaction(() => {
      series.add(RUN, KEY, block(0));
      series.add(RUN, KEY, block(last));
      // Each stretch comes before all but the first: the gap there is halved again and again.
      for (let part = 1; part <= 60; part += 1) series.add(RUN, KEY, block(last - part * 4096));
    })();
    const { steps } = series.read(RUN, KEY);
    expect(steps).toHaveLength(62 * 4096);
    expect(steps.every((step, index) => index === 0 || step > steps[index - 1]!)).toBe(true);
    expect(series.problem(RUN, KEY)).toBeNull();
  });

  it('cut at a step keeps what is before it, and goes on', () => {
    const { database, series } = seriesTables();
    const all = Array.from({ length: 6000 }, (_, step): Point => ({ step, time: step, value: step }));
    for (const cut of [5999, 4097, 4096, 4095, 100, 1, 0]) {
      series.clear(RUN);
      series.add(RUN, KEY, columns(all));
      series.truncate(RUN, KEY, cut);
      expect(pointsOf(series.read(RUN, KEY))).toEqual(all.slice(0, cut));
      series.add(RUN, KEY, columns(all.slice(cut)));
      expect(pointsOf(series.read(RUN, KEY))).toEqual(all);
    }
    series.clear(RUN);
    expect(database.prepare('SELECT count(*) AS n FROM chunks').get()).toEqual({ n: 0 });
  });

  it('says where its overview is not of its points', () => {
    const { database, series } = seriesTables();
    series.add(RUN, KEY, columns(Array.from({ length: 200 }, (_, step) => ({ step, time: step, value: step }))));
    expect(series.problem(RUN, KEY)).toBeNull();
    database.exec('UPDATE chunks SET summary = zeroblob(length(summary))');
    expect(series.problem(RUN, KEY)).toContain('overview');
  });
});
