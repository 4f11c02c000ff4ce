import { describe, expect, it } from 'vitest';
import { encodeRecord } from '../../../src/events/codec';
import type { EventRecord } from '../../../src/events/records';
import { redactLog } from '../../../src/bundle/event-log';
import { createRedact, machineBeside, redactManifest } from '../../../src/bundle/redact';
import { configHash } from '../../../src/config/hash';
import { parseTrainingConfig } from '../../../src/config/parse';
import type { TrainingManifest } from '../../../src/events/manifest';
import { sampleManifest } from './sample';

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

describe('redactManifest', () => {
  const facts = { fingerprint: 'a'.repeat(64), bytes: 1, trainingGraphHash: 'b'.repeat(64) };
  const csv = (path: string): TrainingManifest => {
    const config = parseTrainingConfig({ experiment: 'iris', description: 'from /home/ada/x', author: 'ada-laptop', model: { kind: 'mlp' }, training: { learningRate: 0.01, batchSize: 4 }, data: { kind: 'csv', path, target: 'class' }, seed: 0 });
    return { ...sampleManifest('run', 0, facts), config, configHash: configHash(config) };
  };

  it('changes free text only, whatever the machine is called', () => {
    const manifest = sampleManifest('run', 0, facts, { remote: 'https://ada:token@linux/a.git' });
    const told = { ...manifest, provenance: { ...manifest.provenance, problems: ['no file /home/ada/x on linux'] } };
    for (const host of ['linux', 'two-moons', 'accuracy', 'main']) {
      const clean = redactManifest(told, createRedact([], { home: '/export/ada', host }));
      expect(clean.config).toEqual(manifest.config);
      expect(clean.runtime).toEqual(manifest.runtime);
      expect(clean).toMatchObject({ experiment: manifest.experiment, reproductionId: manifest.reproductionId, configHash: manifest.configHash, computeHash: manifest.computeHash });
      expect(clean.provenance.os).toEqual(manifest.provenance.os);
      expect(clean.provenance.git).toEqual({ ...manifest.provenance.git, remote: host === 'linux' ? 'https://<host>/a.git' : 'https://linux/a.git' });
    }
    expect(redactManifest(told, createRedact([], { home: '/', host: 'linux' })).provenance.problems).toEqual(['no file ~/x on <host>']);
  });

  it.each([
    ['/srv/work/study/iris.csv', 'iris.csv'],
    ['/export/ada/Iris data.csv', 'Iris data.csv'],
    ['C:\\Users\\Ada\\iris.csv', 'iris.csv'],
    ['\\\\server\\share\\iris.csv', 'iris.csv'],
    ['data/iris.csv', 'data/iris.csv'],
    ['../iris.csv', '../iris.csv'],
  ])('keeps of the data path %s what it may, with the hash of that config', (path, expected) => {
    const manifest = csv(path);
    const clean = redactManifest(manifest, redact);
    expect(clean.config).toEqual({ ...manifest.config, author: '<host>', description: 'from ~/x', data: { ...manifest.config.data, path: expected } });
    expect(clean.configHash).toBe(configHash(clean.config));
    expect(clean.configHash === manifest.configHash).toBe(path === expected);
    expect(clean.computeHash).toBe(manifest.computeHash);
  });

  it('takes out of free text what could forge other text', () => {
    const manifest = sampleManifest('run', 0, facts);
    const clean = redactManifest({ ...manifest, data: { ...manifest.data, source: 'a\u001b[2K\nb\u202e' } }, redact);
    expect(clean.data.source).toBe('a\ufffd[2K b\ufffd');
  });
});

describe('machineBeside', () => {
  const manifests = [sampleManifest('run', 0, { fingerprint: 'a'.repeat(64), bytes: 1, trainingGraphHash: 'b'.repeat(64) })];

  it('forgets the name of a machine that is a word of the settings', () => {
    for (const host of ['linux', 'two-moons', 'Accuracy']) expect(machineBeside(manifests, { home: '/h', host })).toEqual({ home: '/h', host: '' });
    expect(machineBeside(manifests, { home: '/h', host: 'ada-laptop' }).host).toBe('ada-laptop');
  });
});

describe('redactLog', () => {
  const log = (records: readonly EventRecord[]): Buffer => Buffer.concat(records.map((record) => encodeRecord(record)));

  it('makes checksums again where text changed, and answers null where nothing did', () => {
    expect(redactLog(log([{ type: 'message', level: 'info', text: 'hello', seq: 0, time: 1 }]), redact)).toBeNull();
    expect(redactLog(log([{ type: 'failed', code: 'X', message: 'no /home/ada/x', seq: 0, time: 1 }]), redact)).toEqual(log([{ type: 'failed', code: 'X', message: 'no ~/x', seq: 0, time: 1 }]));
  });

  it('tells by its name what a text is, and looks at all that a program could say', () => {
    const scrub = (text: string, name?: string): string => (name === 'db_password' ? '[withheld]' : text.replaceAll('/home/ada', '~'));
    const said: EventRecord[] = [
      { type: 'params', params: { db_password: 'Hunter2!x9', data: '/home/ada/x' }, seq: 0, time: 1 },
      { type: 'tags', tags: { db_password: 'Hunter2!x9', gone: null }, seq: 1, time: 1 },
      { type: 'dataset', name: 'd', digest: '1', sourceType: 'local', source: '/home/ada/d', schema: '/home/ada/s', profile: null, tags: { db_password: 'Hunter2!x9' }, seq: 2, time: 1 },
      { type: 'state', name: 'of /home/ada', seq: 3, time: 1 },
    ];
    const text = Buffer.from(redactLog(log(said), scrub) ?? []).toString('utf8');
    expect(text).not.toMatch(/Hunter2|ada/u);
    expect(text.match(/\[withheld\]/gu)).toHaveLength(3);
  });

  it('leaves a torn tail out', () => {
    const whole = log([{ type: 'requeued', seq: 0, time: 1 }]);
    expect(redactLog(Buffer.concat([whole, Buffer.from('0123')]), redact)).toEqual(whole);
  });
});
