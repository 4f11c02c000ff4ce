/** Output that is told anew from its beginning, as a container's log is after a host was gone. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { linesThere, OutputKeeper } from '../../../src/provenance/command-output';

const KEY = ['-----BEGIN PRIVATE KEY-----', 'MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ', '-----END PRIVATE KEY-----'];
const TEXTS = ['first\n', 'half of ', 'a line\n', ...KEY.map((line) => `${line}\n`), '10%\r20%\r30%\n', 'its value is hunter22222\n', 'last'];

function file(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-output-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'output.jsonl');
}

function keep(name: string, count: number, limit = 1e6): OutputKeeper {
  const keeper = new OutputKeeper(name, limit, linesThere(name), ['hunter22222']);
  TEXTS.slice(0, count).forEach((text, index) => keeper.push('stdout', Buffer.from(text), 1000 * index));
  return keeper;
}

function keepAll(name: string, limit?: number): string {
  const keeper = keep(name, TEXTS.length, limit);
  keeper.end(99_000);
  keeper.close();
  return readFileSync(name, 'utf8');
}

it('has the same lines wherever the first telling was cut off', () => {
  const whole = keepAll(file());
  expect(whole).not.toContain('hunter22222');
  expect(whole).not.toContain('MIIE');
  for (let count = 0; count <= TEXTS.length; count += 1) {
    for (const torn of ['', '{"time":1,"str']) {
      const name = file();
      keep(name, count).close();
      appendFileSync(name, torn);
      expect(keepAll(name)).toBe(whole);
      // All of it is there by now.
      expect(keepAll(name)).toBe(whole);
    }
  }
});

it('keeps the last lines past its limit, and says how many it left out', () => {
  // Few are past it: none is left out.
  expect(keepAll(file(), 100)).toBe(keepAll(file()));
  const flood = (): string => {
    const name = file();
    const keeper = new OutputKeeper(name, 100);
    for (let line = 0; line < 1000; line += 1) keeper.push('stdout', Buffer.from(`line ${line}\n`), line);
    keeper.end(2000);
    keeper.close();
    return readFileSync(name, 'utf8');
  };
  expect(flood()).toBe(flood());
  expect(flood()).toContain('"stream":"note","text":"797 lines were left out here');
  expect(flood()).toContain('"text":"line 999"');
});
