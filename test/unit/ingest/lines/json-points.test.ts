import { describe, expect, it } from 'vitest';
import { pointsInJson, type LinePoint } from '../../../../src/ingest/lines/json-points';

const lenient = (line: string): LinePoint[] | null => pointsInJson(line, false);
const strict = (line: string): LinePoint[] | null => pointsInJson(line, true);
const point = (key: string, value: number, step: number | null = null, time: number | null = null): LinePoint => ({ key, value, step, time });

describe('points in a line of JSON', () => {
  it.each<[string, LinePoint[] | null]>([
    ['{"step": 3, "loss": 0.5}', [point('loss', 0.5, 3)]],
    ['  {"loss": 1e-3, "val": {"loss": 2, "deep": {"f1": 3}}}\r', [point('loss', 0.001), point('val/loss', 2), point('val/deep/f1', 3)]],
    ['{"key": "a b", "value": 1.5, "step": 7, "time": 1700000000}', [point('a b', 1.5, 7, 1_700_000_000_000)]],
    ['{"loss": 1, "timestamp": 1700000000123}', [point('loss', 1, null, 1_700_000_000_123)]],
    ['{"loss": 1, "time": "2026-11-23T06:00:00Z"}', [point('loss', 1, null, Date.UTC(2026, 10, 23, 6))]],
    ['{"global_step": 4, "epoch": 1, "loss": 2}', [point('epoch', 1, 4), point('loss', 2, 4)]],
    // What Python writes for numbers that JSON does not have; the words in texts are texts.
    ['{"loss": NaN, "best": -Infinity, "x": Infinity}', [point('loss', Number.NaN), point('best', Number.NEGATIVE_INFINITY), point('x', Number.POSITIVE_INFINITY)]],
    ['{"loss": "nan", "gain": "-inf"}', [point('loss', Number.NaN), point('gain', Number.NEGATIVE_INFINITY)]],
    ['{"step": 2.0, "loss": 1}', [point('loss', 1, 2)]],
    // A duration called time is no time, but a metric.
    ['{"time": -1, "loss": 1}', [point('time', -1), point('loss', 1)]],
    ['{"key": "a", "value": "high"}', null],
    ['{"step": 1}', null],
    ['{}', null],
    ['{"loss": 1', null],
    ['[1, 2]', null],
    ['loss {"a": 1}', null],
    ['', null],
  ])('%s', (line, expected) => {
    expect(lenient(line)).toEqual(expected);
    expect(strict(line)).toEqual(expected);
  });

  it('are taken from the output only where the line says nothing else', () => {
    for (const line of ['{"level": "info", "lineno": 3}', '{"loss": 1, "tags": ["a"]}', '{"loss": 1, "done": true}', '{"loss": 1, "val": {"name": "x"}}']) {
      expect(strict(line)).toBeNull();
      expect(lenient(line)).not.toBeNull();
    }
  });
});
