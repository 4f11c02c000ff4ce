import { describe, expect, it } from 'vitest';
import { byExperiment, countOutcomes, outcomeInWords } from '../../../renderer/import-words';
import { AS_FOUND, inputOf } from '../../../renderer/views/transfer/choices';
import { exportLine, maskedAddress } from '../../../renderer/views/machines/tracking-words';

describe('the address of the tracking server', () => {
  const url = 'http://127.0.0.1:5123/abcDEF-_123';

  it('is shown without its token', () => {
    expect(maskedAddress(url)).toBe('http://127.0.0.1:5123/••••••••');
  });

  it('is copied as the line that the shell of the system takes', () => {
    expect(exportLine(url, 'Linux x86_64')).toBe(`export MLFLOW_TRACKING_URI='${url}'`);
    expect(exportLine(url, 'MacIntel')).toBe(`export MLFLOW_TRACKING_URI='${url}'`);
    expect(exportLine(url, 'Win32')).toBe(`$env:MLFLOW_TRACKING_URI = '${url}'`);
  });
});

describe('an import in words', () => {
  const runs = [
    { outcome: 'new', experiment: 'b' },
    { outcome: 'present', experiment: 'a' },
    { outcome: 'new', experiment: 'b' },
    { outcome: 'broken', experiment: 'a' },
  ] as const;

  it('counts what is new, here already, and not whole', () => {
    expect(countOutcomes(runs)).toEqual({ new: 2, updated: 0, present: 1, broken: 1 });
    expect(outcomeInWords(runs, 'planned')).toBe('2 new, 1 here already, 1 cannot be read');
    expect(outcomeInWords(runs, 'done')).toBe('2 imported, 1 here already, 1 read in part');
    expect(outcomeInWords([], 'done')).toBe('no runs');
  });

  it('names experiments in the order in which they come', () => {
    expect(byExperiment(runs)).toEqual([
      { experiment: 'b', runs: 2 },
      { experiment: 'a', runs: 2 },
    ]);
  });

  it('asks for what was chosen only', () => {
    expect(inputOf('/x', AS_FOUND)).toEqual({ path: '/x' });
    expect(inputOf('/x', { format: 'csv', experiment: ' mine ', rows: 'points', metrics: ['loss'] })).toEqual({ path: '/x', format: 'csv', experiment: 'mine', rows: 'points', metrics: ['loss'] });
    expect(inputOf('/x', { ...AS_FOUND, experiment: '   ' })).toEqual({ path: '/x' });
  });
});
