import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { print, printJson, say, table } from '../../../src/cli/output';

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

  it('keeps a row of a table on its line', () => {
    expect(table(['run', 'name'], [['a', `two\nlines ${HOSTILE}`], ['b', 'x']]).split('\n')).toEqual(['run  name', `───  ${'─'.repeat(HARMLESS.length + 10)}`, `a    two lines ${HARMLESS}`, 'b    x']);
  });
});
