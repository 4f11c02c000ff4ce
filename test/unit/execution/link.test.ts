/** Requests over lines that break: each is answered once, or fails with why. */
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { OutpostLink, type Dial, type Line } from '../../../src/execution/remote/link';
import { frame, FrameReader, requestSchema, type Request } from '../../../src/outpost/protocol';

/** A machine at the other end of a line, in this process: it speaks the frames that an outpost speaks. */
class Peer {
  readonly asked: Request[] = [];
  lines = 0;
  #break: (why: string) => void = () => undefined;

  constructor(readonly answer: (request: Request, body: Buffer, peer: Peer) => Buffer | null) {}

  readonly dial: Dial = () => {
    this.lines += 1;
    const [input, output] = [new PassThrough(), new PassThrough()];
    const closed = new Promise<string>((resolve) => (this.#break = resolve));
    const reader = new FrameReader((header, body) => {
      const request = requestSchema.parse(header);
      this.asked.push(request);
      const answer = this.answer(request, body, this);
      if (answer !== null) output.write(answer);
    });
    input.on('data', (bytes: Buffer) => reader.push(bytes));
    return Promise.resolve({ input, output, closed, close: () => this.break('it was closed') } satisfies Line);
  };

  break(why: string): void {
    this.#break(why);
  }
}

const linkTo = (dial: Dial): OutpostLink => {
  const link = new OutpostLink('box', dial);
  onTestFinished(() => link.close());
  return link;
};
const answered = (id: number, value: object, body = new Uint8Array()): Buffer => frame({ id, ok: true, value, bytes: body.length }, body);
afterEach(() => void vi.useRealTimers());

const HELLO = { base: '/there', host: 'box', time: 0, kit: 'k' };

describe('a link', () => {
  it('answers each request with what belongs to it, in whatever order and pieces it comes', async () => {
    const held: Buffer[] = [];
    const peer = new Peer(({ id, input }) => {
      const { offset } = input as { offset: number };
      held.unshift(answered(id, { total: 3 }, Buffer.from(String(offset))));
      return held.length < 3 ? null : Buffer.concat(held);
    });
    const link = linkTo(peer.dial);
    const answers = await Promise.all([0, 1, 2].map((offset) => link.call('read', { runId: 'r', path: 'f', offset, bytes: 1 })));
    expect(answers.map(({ body }) => body.toString())).toEqual(['0', '1', '2']);
    expect(peer.lines).toBe(1);
  });

  it('asks again over the next line what a broken one left without an answer', async () => {
    const peer = new Peer(({ id }, _body, self) => {
      if (self.asked.length === 1) {
        self.break('the cable was pulled');
        return null;
      }
      return answered(id, HELLO);
    });
    await expect(linkTo(peer.dial).call('hello', {})).resolves.toMatchObject({ value: HELLO });
    expect(peer.lines).toBe(2);
  });

  it('says why a machine cannot be reached once nobody has the patience to wait', async () => {
    let tries = 0;
    const link = linkTo(() => {
      tries += 1;
      return Promise.reject(new RepriseError('SSH_UNREACHABLE', 'box cannot be reached by SSH: no route.', { kind: 'system' }));
    });
    await expect(link.call('hello', {}, undefined, { patienceMs: 700 })).rejects.toMatchObject({ code: 'MACHINE_UNREACHABLE', message: expect.stringContaining('no route') });
    expect(tries).toBe(2);
  });

  it('waits for a first connection that takes longer than its patience: programs are sent with it', async () => {
    const peer = new Peer(({ id }) => answered(id, HELLO));
    const link = linkTo(async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return peer.dial(signal);
    });
    await expect(link.call('hello', {}, undefined, { patienceMs: 50 })).resolves.toMatchObject({ value: HELLO });
  });

  it('fails at once where a person has to change something, and tries anew with the next request', async () => {
    const peer = new Peer(({ id }) => answered(id, HELLO));
    let isKnown = false;
    const link = linkTo((signal) => (isKnown ? peer.dial(signal) : Promise.reject(new RepriseError('SSH_HOST_KEY_CHANGED', 'Another key.'))));
    await expect(link.call('hello', {})).rejects.toMatchObject({ code: 'SSH_HOST_KEY_CHANGED' });
    isKnown = true;
    await expect(link.call('hello', {})).resolves.toMatchObject({ value: HELLO });
  });

  it('leaves pauses that grow between lines that break before they answer', async () => {
    const peer: Peer = new Peer(() => {
      peer.break('libc.so.6: version not found');
      return null;
    });
    await expect(linkTo(peer.dial).call('hello', {}, undefined, { patienceMs: 1200 })).rejects.toMatchObject({ code: 'MACHINE_UNREACHABLE', message: expect.stringContaining('version not found') });
    expect(peer.lines).toBeLessThanOrEqual(3);
  });

  it('hands on what the machine refuses, and refuses an answer that is none', async () => {
    const peer = new Peer(({ id, method }) => (method === 'hello' ? answered(id, { base: 7 }) : frame({ id, ok: false, error: { code: 'DISK_FULL', message: 'The disk is full.', hint: 'Make room.' }, bytes: 0 })));
    const link = linkTo(peer.dial);
    await expect(link.call('facts', {})).rejects.toMatchObject({ code: 'DISK_FULL', hint: 'Make room.' });
    await expect(link.call('hello', {})).rejects.toMatchObject({ code: 'OUTPOST_ANSWER_INVALID' });
  });

  it('takes one that hangs for lost, and asks over another line', async () => {
    vi.useFakeTimers();
    const peer = new Peer(({ id }, _body, self) => (self.lines === 1 ? null : answered(id, HELLO)));
    const link = linkTo(peer.dial);
    const [impatient, patient] = [50, 60_000].map((patienceMs) => link.call('facts', {}, undefined, { patienceMs }).catch((error: unknown) => error));
    await vi.waitUntil(() => peer.lines === 1);
    await vi.advanceTimersByTimeAsync(14_000);
    expect(peer.lines).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(await impatient).toMatchObject({ code: 'MACHINE_UNREACHABLE', message: expect.stringContaining('does not answer') as string });
    // Of the other one the second line tells.
    expect(await patient).toMatchObject({ code: 'OUTPOST_ANSWER_INVALID' });
    expect(peer.lines).toBe(2);
  });

  it('waits for what takes long as long as there are signs of life, and for what is long on its way', async () => {
    vi.useFakeTimers();
    const peer = new Peer(({ id, method }) => (method === 'hello' ? answered(id, HELLO) : null));
    const busy = linkTo(peer.dial);
    void busy.call('facts', {}, undefined, { patienceMs: 50 }).catch(() => undefined);
    const silent = new Peer(() => null);
    const slow = linkTo(silent.dial);
    void slow.call('putObject', { sha256: 'a'.repeat(64), offset: 0, total: 2e6 }, Buffer.alloc(2e6), { patienceMs: 50 }).catch(() => undefined);
    await vi.waitUntil(() => peer.lines + silent.lines === 2);
    await vi.advanceTimersByTimeAsync(30_000);
    expect([peer.lines, silent.lines]).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(60_000);
    await vi.waitUntil(() => silent.lines === 2);
    expect(peer.lines).toBe(1);
  });

  it('lets go of all that waits when it is closed', async () => {
    const peer = new Peer(() => null);
    const link = new OutpostLink('box', peer.dial);
    const asking = link.call('hello', {});
    link.close();
    await expect(asking).rejects.toMatchObject({ code: 'LINK_CLOSED' });
    await expect(link.call('hello', {})).rejects.toMatchObject({ code: 'LINK_CLOSED' });
  });

  it('measures by how much the clock there is ahead, half way between question and answer', async () => {
    const peer = new Peer(({ id }) => answered(id, { ...HELLO, time: Date.now() + 3_600_000 }));
    const { aheadMs } = await linkTo(peer.dial).hello();
    expect(Math.abs(aheadMs - 3_600_000)).toBeLessThan(200);
  });
});

describe('frames', () => {
  it('come out as they went in, however they are cut', async () => {
    const found: [unknown, string][] = [];
    const reader = new FrameReader((header, body) => found.push([header, body.toString()]));
    const one = { id: 1, method: 'hello', input: {}, bytes: 5 } as const;
    const other = { id: 2, ok: true, value: 'ünï\n', bytes: 0 } as const;
    const bytes = Buffer.concat([frame(one, Buffer.from('a\nb\n\0')), frame(other), frame(one, Buffer.from('12345'))]);
    for (const byte of bytes) reader.push(Buffer.from([byte]));
    reader.push(bytes);
    expect(found).toEqual([[one, 'a\nb\n\0'], [other, ''], [one, '12345'], [one, 'a\nb\n\0'], [other, ''], [one, '12345']]);
  });

  it('refuses what tells of no body, or of more than anybody sends', () => {
    for (const header of ['{"id":1}\n', '{"bytes":-1}\n', '{"bytes":1e12}\n', 'motd\n']) expect(() => new FrameReader(() => undefined).push(Buffer.from(header))).toThrow();
  });
});
