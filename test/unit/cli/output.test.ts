import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findings, print, printJson, say, sayError, table } from '../../../src/cli/output';

const HOSTILE = '\u001b[2J\u001b]0;title\u0007\u009b31m\rname\u202e\u007f';
const HARMLESS = String.raw`\u001b[2J\u001b]0;title\u0007\u009b31m\u000dname\u202e\u007f`;

describe('what the command line prints', () => {
  it('does nothing to the terminal, whatever runs are called', () => {
    const written: string[] = [];
    for (const stream of [process.stdout, process.stderr]) {
      const spy = vi.spyOn(stream, 'write').mockImplementation((text) => written.push(String(text)) > 0);
      onTestFinished(() => spy.mockRestore());
    }
    print(`${HOSTILE}\n\tä–…`);
    say(HOSTILE);
    printJson({ name: HOSTILE });
    const [first, second, third = ''] = written;
    expect([first, second]).toEqual([`${HARMLESS}\n\tä–…\n`, `${HARMLESS}\n`]);
    expect(third).toContain(String.raw`\u009b`);
    expect((JSON.parse(third) as { name: string }).name).toBe(HOSTILE);
  });

  it('counts no problems that it lists, only those it does not', () => {
    const written: string[] = [];
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
    onTestFinished(() => spy.mockRestore());
    const tell = (message: string): string => {
      written.length = 0;
      sayError({ code: 'CONFIG_INVALID', kind: 'input', message, problems: [{ path: 'seed', message: 'is missing' }, { path: 'data', message: 'is missing' }] });
      return written.join('');
    };
    expect(tell('a.yaml: seed is missing (and 1 more)')).toBe('error: a.yaml: seed is missing\n  seed: is missing\n  data: is missing\n  code CONFIG_INVALID\n');
    expect(tell('operator Det of node a is not covered (and 1 more nodes).')).toMatch(/^error: operator Det of node a is not covered\.\n/u);
    expect(tell('row 1 is empty (and 90 more problems)')).toMatch(/^error: row 1 is empty \(and 90 more problems\)\n/u);
  });

  it('keeps a row of a table on its line', () => {
    expect(table(['run', 'name'], [['a', `two\nlines ${HOSTILE}`], ['b', 'x']]).split('\n')).toEqual(['run  name', `───  ${'─'.repeat(HARMLESS.length + 10)}`, `a    two lines ${HARMLESS}`, 'b    x']);
  });

  it('folds what is long, in findings and in what to do about them', () => {
    const long = Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ');
    const lines = findings([
      { status: 'ok', name: 'Processor', found: long, hint: null },
      { status: 'missing', name: 'Folder', found: `/${'x'.repeat(120)} is full`, hint: long },
    ]).split('\n');
    expect(lines.slice(2, 4)).toEqual([expect.stringMatching(/^ok       Processor  word0 word1 /u), expect.stringMatching(/^ {20}word\d+ /u)]);
    expect(lines.filter((line) => line.length > 100 && !/[─x]{100}/u.test(line))).toEqual([]);
    expect(lines.join(' ').match(/word\d+/gu)).toEqual([...long.split(' '), ...long.split(' ')]);
  });
});
