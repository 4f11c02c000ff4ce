/** What is fetched of a run that has ended elsewhere: the way is left out, all else is an outpost's own. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keepOutputs, outputsElsewhere } from '../../../src/engine/commands-outputs';
import { encodeRecords } from '../../../src/events/codec';
import type { EventBody, EventRecord, NewRecord } from '../../../src/events/records';
import type { Order } from '../../../src/execution/executor';
import { collect } from '../../../src/execution/remote/collect';
import type { Link } from '../../../src/execution/remote/link';
import { sha256Bytes } from '../../../src/files/hash';
import type { Input, Method } from '../../../src/outpost/protocol';
import { list, read, remove } from '../../../src/outpost/serve-runs';
import { workingCopyIn } from '../../../src/provenance/working-copy';
import { sampleManifest } from '../store/sample';
import { commandManifest } from '../store/tracked';

const NOTHING = Buffer.alloc(0);

class Scene {
  readonly told: NewRecord[] = [];
  readonly #base = mkdtempSync(path.join(tmpdir(), 'reprise-collect-'));
  readonly here = path.join(this.#base, 'here');
  readonly there = path.join(this.#base, 'runs', 'r');
  readonly order: Order;

  readonly link: Pick<Link, 'name' | 'call'> = {
    name: 'box',
    call: async (method: Method, input: unknown) => {
      if (method === 'list') return { value: await list(this.#base, input as Input<'list'>), body: NOTHING };
      if (method === 'read') return read(this.#base, input as Input<'read'>);
      if (method === 'remove') return { value: await remove(this.#base, input as Input<'remove'>), body: NOTHING };
      throw new Error(`Nothing else is asked than ${method}.`);
    },
  } as Pick<Link, 'name' | 'call'>;

  constructor(manifest: Order['manifest'], records: readonly EventBody[] = []) {
    onTestFinished(() => rmSync(this.#base, { recursive: true }));
    for (const folder of [this.here, this.there]) mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(this.here, 'events.log'), encodeRecords(records.map((record, seq): EventRecord => ({ ...record, seq, time: seq }))).bytes);
    this.order = { runId: 'r', attempt: 1, manifest, runFolder: this.here, tell: (...all: NewRecord[]) => Promise.resolve(void this.told.push(...all)) } as unknown as Order;
  }

  write(name: string, content: string): void {
    const file = path.join(this.there, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  collect(policy: Partial<Parameters<typeof collect>[2]>): Promise<void> {
    return collect(this.link as Link, this.order, { checkpoints: 'none', keep: false, ...policy });
  }
}

describe('a training', () => {
  const records: EventBody[] = [
    { type: 'checkpoint', step: 1, file: 'checkpoint-1', sha256: sha256Bytes(Buffer.from('one')) },
    { type: 'checkpoint', step: 2, file: 'checkpoint-2', sha256: sha256Bytes(Buffer.from('two')) },
    { type: 'finished', weightsHash: 'a'.repeat(64), selectedStep: 2, finalLoss: 1, bestLoss: 1 },
  ];

  it('brings its last checkpoint where that is wanted, and leaves nothing there', async () => {
    const scene = new Scene(sampleManifest('r'), records);
    scene.write('checkpoint-1', 'one');
    scene.write('checkpoint-2', 'two');
    await scene.collect({ checkpoints: 'last' });
    expect(readFileSync(path.join(scene.here, 'checkpoint-2'), 'utf8')).toBe('two');
    expect([existsSync(path.join(scene.here, 'checkpoint-1')), existsSync(scene.there), scene.told]).toEqual([false, false, []]);
  });

  it.each([
    ['is gone', null, /checkpoint-2.* could not be fetched from box: .* is not there/u],
    ['is another', 'three', /checkpoint-2.* could not be fetched from box: .* is not what its log says/u],
  ])('is finished all the same where its last checkpoint %s', async (_what, content, sentence) => {
    const scene = new Scene(sampleManifest('r'), records);
    if (content !== null) scene.write('checkpoint-2', content);
    await scene.collect({ checkpoints: 'last' });
    expect(scene.told).toEqual([{ type: 'message', level: 'warning', text: expect.stringMatching(sentence) as string }]);
    expect([existsSync(path.join(scene.here, 'checkpoint-2')), existsSync(scene.there)]).toEqual([false, false]);
  });

  it('that is not finished leaves its folder for the next attempt', async () => {
    const scene = new Scene(sampleManifest('r'), records.slice(0, 2));
    await scene.collect({});
    expect(existsSync(scene.there)).toBe(true);
  });
});

describe('a command', () => {
  it('is said to have made what is too large to be fetched, and to have made nothing else that is not here', async () => {
    const outputs = ['out', 'model-*.bin', 'none.txt'];
    const { config, ...manifest } = commandManifest('r');
    const scene = new Scene({ ...manifest, config: { ...config, task: { ...config.task, outputs } } });
    scene.write('work/out/small.txt', 'small');
    scene.write('work/model-1.bin', 'x'.repeat(2000));
    await scene.collect({ largest: '1k' });
    expect(scene.told).toEqual([{ type: 'message', level: 'warning', text: 'An output is larger than what box is asked for, and not fetched: model-1.bin (2000 bytes).' }]);
    expect([existsSync(scene.there), existsSync(path.join(scene.here, 'work', 'model-1.bin'))]).toEqual([false, false]);
    const kept = await keepOutputs(scene.here, workingCopyIn(scene.here, ''), outputs, await outputsElsewhere(scene.here));
    expect(kept).toEqual([
      { type: 'message', level: 'warning', text: 'The command made no output none.txt.' },
      { type: 'file', path: 'out/small.txt', sha256: sha256Bytes(Buffer.from('small')), bytes: 5 },
    ]);
  });
});
