import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../../src/events/codec';
import type { EventRecord } from '../../../src/events/records';
import { redactLog } from '../../../src/bundle/event-log';
import { createRedact, KEEP_IN_MANIFEST, redactValue } from '../../../src/bundle/redact';

const redact = createRedact(['/srv/work/study', '/srv/work'], { home: '/export/ada', host: 'ada-laptop' });

describe('createRedact', () => {
  it.each([
    ['/srv/work/study/runs/1', '<folder>/runs/1'],
    ['/srv/work/other', '<folder>/other'],
    ['see file:///srv/work/study.', 'see file://<folder>.'],
    ['/srv/workshop and x/srv/work', '/srv/workshop and x/srv/work'],
    ['/export/ada/data.csv', '~/data.csv'],
    ['/home/grace/x, /Users/grace/y', '~/x, ~/y'],
    ['C:\\Users\\Grace\\x', '~\\x'],
    ['/root/x and /rooted', '~/x and /rooted'],
    ['https://example.org/home/grace', 'https://example.org/home/grace'],
    ['https://ada:token@example.org/a.git', 'https://example.org/a.git'],
    ['on Ada-Laptop: out of memory', 'on <host>: out of memory'],
    ['ada-laptops', 'ada-laptops'],
    ['accuracy 0.95', 'accuracy 0.95'],
  ])('%s → %s', (text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it('does not look for a host name that ordinary words contain', () => {
    expect(createRedact([], { home: '/', host: 'pc' })('pc localhost /x')).toBe('pc localhost /x');
    expect(createRedact([], { home: '/', host: 'localhost' })('localhost')).toBe('localhost');
  });
});

describe('redactValue', () => {
  it('reaches every string and keeps captured code as it was', () => {
    const value = { problems: ['/home/ada'], provenance: { git: { patch: '/home/ada', untracked: [{ path: 'a', content: '/home/ada' }], remote: '/home/ada' } }, n: 1, none: null };
    expect(redactValue(value, redact, KEEP_IN_MANIFEST)).toEqual({
      problems: ['~'], provenance: { git: { patch: '/home/ada', untracked: [{ path: 'a', content: '/home/ada' }], remote: '~' } }, n: 1, none: null,
    });
  });
});

describe('redactLog', () => {
  const log = (records: readonly EventRecord[]): Buffer => Buffer.concat(records.map((record) => encodeRecord(record)));

  it('makes checksums again where text changed, and answers null where nothing did', () => {
    expect(redactLog(log([{ type: 'message', level: 'info', text: 'hello', seq: 0, time: 1 }]), redact)).toBeNull();
    expect(redactLog(log([{ type: 'failed', code: 'X', message: 'no /home/ada/x', seq: 0, time: 1 }]), redact)).toEqual(log([{ type: 'failed', code: 'X', message: 'no ~/x', seq: 0, time: 1 }]));
  });

  it('leaves a torn tail out', () => {
    const whole = log([{ type: 'requeued', seq: 0, time: 1 }]);
    expect(redactLog(Buffer.concat([whole, Buffer.from('0123')]), redact)).toEqual(whole);
  });
});
