import * as fc from 'fast-check';
import { join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { placeOf, safePath } from '../../../../src/ingest/mlflow/artifacts';
import { newModelId, runOfModel } from '../../../../src/ingest/mlflow/model-tags';

const RUN = '0123456789abcdef0123456789abcdef';

describe('paths of artifacts', () => {
  test.each(['a', 'a/b.txt', 'tief/ünï 実.bin', 'a+b & c (1).txt', '..a', 'a..', '...', '', 'folder/'])('takes %j', (path) => {
    expect(safePath(path)).toBe(path.replace(/\/$/u, ''));
  });

  test.each(['..', '../a', 'a/../b', 'a/..', './a', 'a/./b', '/etc/passwd', '//a', 'a//b', 'a\\b', '..\\a', 'C:/a', 'c:a', 'a\0b', 'a\nb', `${'n'.repeat(256)}`, 'a/'.repeat(600)])('refuses %j', (path) => {
    expect(() => safePath(path)).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER_VALUE' }));
  });

  test('nothing that is taken leads out of its folder', () => {
    const piece = fc.oneof(fc.constantFrom('..', '.', '/', '\\', '\0', 'a', 'C:', '%2e', '...'), fc.string({ maxLength: 4, unit: 'grapheme' }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = pieces.join('');
        let taken: string;
        try {
          taken = safePath(path);
        } catch {
          return;
        }
        expect(normalize(join('/root/of/it', taken))).toBe(taken === '' ? '/root/of/it' : `/root/of/it/${taken}`);
      }),
      { numRuns: 2000 },
    );
  });

  test('an address tells whose file it is', () => {
    expect(placeOf(`7/${RUN}/artifacts/a/b`)).toEqual({ runId: RUN, folder: '', path: 'a/b' });
    expect(placeOf(`7/${RUN}/artifacts`)).toEqual({ runId: RUN, folder: '', path: '' });
    const model = newModelId(RUN);
    expect(runOfModel(model)).toBe(RUN);
    expect(placeOf(`7/models/${model}/artifacts/MLmodel`)).toEqual({ runId: RUN, folder: `models/${model}/`, path: 'MLmodel' });
  });

  test.each(['', '7', `7/${RUN}`, `7/${RUN}/other/a`, `x/${RUN}/artifacts/a`, '7/models/m-1/artifacts/a'])('there is nothing at %j', (path) => {
    expect(() => placeOf(path)).toThrow(expect.objectContaining({ code: 'RESOURCE_DOES_NOT_EXIST' }));
  });
});
