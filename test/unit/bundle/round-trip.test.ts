import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify';
import { writeBundle } from '../../../src/bundle/write';
import { freshFolder, sampleInput } from './sample';

let folder: string;
beforeAll(async () => { folder = await freshFolder(); });
afterAll(async () => { await rm(folder, { recursive: true, force: true }); });

describe('round trip', () => {
  it('a written bundle verifies', async () => {
    const file = join(folder, 'a.crate.zip');
    const written = await writeBundle(await sampleInput(folder), file);
    const found = await verifyBundle(file);
    expect(found.problems).toEqual([]);
    expect(found.digest).toBe(written.digest);
  });
});
