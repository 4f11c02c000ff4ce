/** Only the styles of the parts of Mantine in use are loaded: none may be forgotten. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const renderer = fileURLToPath(new URL('../../../renderer', import.meta.url));
const styles = join(dirname(createRequire(import.meta.url).resolve('@mantine/core/styles.css')), 'styles');
const sheet = readFileSync(join(renderer, 'theme', 'mantine.css'), 'utf8');
const loaded = [...sheet.matchAll(/styles\/(?<name>[\w-]+)\.layer\.css/gu)].map((match) => match.groups!['name']!);

describe('the styles of Mantine', () => {
  it('are there for every part that the window imports', () => {
    const parts = new Set<string>();
    for (const file of globSync('**/*.tsx', { cwd: renderer })) {
      for (const [, names = ''] of readFileSync(join(renderer, file), 'utf8').matchAll(/import \{(?<names>[^}]*)\} from '@mantine\/core'/gu)) {
        for (const name of names.split(',')) parts.add(name.trim().replace(/^type /u, ''));
      }
    }
    const styled = [...parts].filter((name) => existsSync(join(styles, `${name}.layer.css`)));
    expect(styled.length).toBeGreaterThan(5);
    expect(styled.filter((name) => !loaded.includes(name))).toEqual([]);
  });

  it('are in the order of the whole sheet', () => {
    const whole = readFileSync(join(styles, '..', 'styles.layer.css'), 'utf8');
    const places = loaded.flatMap((name) => {
      const first = /\.m_[0-9a-f]{6,8}/u.exec(readFileSync(join(styles, `${name}.layer.css`), 'utf8'));
      return first === null ? [] : [whole.indexOf(first[0])];
    });
    expect(places).toEqual([...places].sort((one, other) => one - other));
  });
});
