import { expect, it } from 'vitest';
import { outputPattern } from '../../../src/config/output-pattern';

it.each<[string, string[], string[]]>([
  ['model.pt', ['model.pt'], ['xmodel.pt', 'a/model.pt', 'model.ptx']],
  ['./model.pt', ['model.pt'], []],
  ['*.pt', ['a.pt', '.pt'], ['a/b.pt', 'a.pth', 'apt']],
  ['out', ['out/a', 'out/b/c'], ['output', 'x/out/a']],
  ['out/', ['out/a'], ['out2/a']],
  ['**/*.csv', ['a.csv', 'x/y/a.csv'], ['a.csvx']],
  ['runs/*/best.pt', ['runs/1/best.pt'], ['runs/1/2/best.pt', 'runs/best.pt']],
  ['runs/**', ['runs/a', 'runs/a/b'], ['run/a']],
  ['a[1].(x)+', ['a[1].(x)+'], ['a1.xx']],
  ['.', ['a', 'b/c'], []],
])('the output %s', (pattern, matching, other) => {
  for (const path of matching) expect(outputPattern(pattern).test(path), path).toBe(true);
  for (const path of other) expect(outputPattern(pattern).test(path), path).toBe(false);
});
