import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

/** file, import, words of the message that names the right door. */
const violations: readonly (readonly [string, string, string])[] = [
  ['src/analysis/a.ts', '../store/types', 'analysis/ is pure: pass data in from engine/'],
  ['src/analysis/a.ts', 'node:fs', 'pass data in from engine/'],
  ['src/analysis/a.ts', 'fs/promises', 'pass data in from engine/'],
  ['src/ablation/a.ts', '../analysis/x', 'ablation/ is pure'],
  ['src/ablation/a.ts', '../random/streams', 'ablation/ is pure'],
  ['src/config/a.ts', '../ablation/x', 'config/ is pure'],
  ['src/config/a.ts', 'node:crypto', 'config/ is pure'],
  ['src/api/a.ts', '../engine/engine', 'api/ is what user interfaces know'],
  ['src/errors/a.ts', '../config/schema', 'errors/ stands below'],
  ['src/onnx/operators/a.ts', '../../models/types', 'onnx/ is pure'],
  ['src/onnx/a.ts', 'path', 'onnx/ is pure'],
  ['src/models/a.ts', '../worker/main', 'models/ is pure'],
  ['src/models/a.ts', 'onnxruntime-node', 'src/worker alone'],
  ['src/random/a.ts', '../onnx/graph', 'random/ is pure'],
  ['src/tensors/a.ts', 'node:buffer', 'tensors/ is pure'],
  ['src/files/a.ts', '../events/records', 'files/ holds Node file utilities'],
  ['src/events/a.ts', '../store/types', 'events/ knows the event log only'],
  ['src/datasets/a.ts', '../worker/main', 'datasets/ reads data'],
  ['src/datasets/a.ts', '../models/training-graph', 'datasets/ reads data'],
  ['src/provenance/a.ts', '../store/types', 'provenance/ captures'],
  ['src/store/a.ts', '../engine/engine', 'store/ holds rows'],
  ['src/execution/a.ts', '../worker/main', 'execution/ starts and tails runs'],
  ['src/execution/a.ts', '../bundle/x', 'execution/ starts and tails runs'],
  ['src/report/a.ts', '../bundle/x', 'report/ renders'],
  ['src/report/a.ts', 'better-sqlite3', 'src/store alone'],
  ['src/bundle/a.ts', '../engine/engine', 'bundle/ packs'],
  ['src/bundle/a.ts', '../onnx/graph', 'bundle/ packs'],
  ['src/worker/a.ts', '../store/types', 'a worker writes its run folder'],
  ['src/worker/a.ts', '../execution/local/spawn', 'a worker writes its run folder'],
  ['src/engine/a.ts', '../cli/main', 'engine/ joins the rooms'],
  ['src/engine/a.ts', 'electron', 'main/ alone imports electron'],
  ['src/engine/a.ts', 'onnxruntime-node', 'src/worker alone'],
  ['src/engine/a.ts', '../../main/main', 'Nothing imports main/ or renderer/'],
  ['src/engine/a.ts', '../../renderer/app', 'Nothing imports main/ or renderer/'],
  ['src/engine/a.ts', '../../test/helpers/x', 'does not import its tests'],
  ['src/cli/a.ts', '../store/open', 'the command line speaks to engine/'],
  ['src/cli/commands/a.ts', '../../report/x', 'the command line speaks to engine/'],
  ['src/cli/a.ts', '../execution/scheduler', 'the command line speaks to engine/'],
  ['src/cli/a.ts', '../execution/local/local-spawn', 'the command line speaks to engine/'],
  ['main/a.ts', '../src/execution/scheduler', 'main/ speaks to engine/'],
  ['src/cli/a.ts', 'electron', 'main/ alone imports electron'],
  ['main/a.ts', '../src/store/open', 'main/ speaks to engine/'],
  ['main/a.ts', '../renderer/app', 'Nothing imports main/ or renderer/'],
  ['main/a.ts', 'better-sqlite3', 'src/store alone'],
  ['main/a.ts', 'react', 'renderer/ alone shows things'],
  ['renderer/a.tsx', '../src/store/types', 'renderer/ sees api/'],
  ['renderer/views/a.tsx', '../../src/engine/engine', 'renderer/ sees api/'],
  ['renderer/a.tsx', '../main/ipc', 'Nothing imports main/ or renderer/'],
  ['renderer/a.tsx', 'node:path', 'renderer/ sees api/'],
  ['renderer/a.tsx', 'electron', 'main/ alone imports electron'],
  ['renderer/views/run/a.tsx', 'plotly.js-strict-dist-min', 'renderer/charts alone imports plotly'],
  ['renderer/views/run/a.tsx', '@codemirror/view', 'renderer/editor alone imports CodeMirror'],
  ['main/a.ts', '@mantine/core', 'renderer/ alone shows things'],
];

const legal: readonly (readonly [string, string])[] = [
  ['src/ablation/a.ts', '../config/schema'],
  ['src/ablation/a.ts', '../errors/errors'],
  ['src/ablation/a.ts', 'zod'],
  ['src/analysis/a.ts', './own'],
  ['src/onnx/operators/a.ts', '../graph'],
  ['src/models/a.ts', '../onnx/graph'],
  ['src/models/a.ts', '../random/streams'],
  ['src/random/a.ts', '@noble/hashes/sha2.js'],
  ['src/datasets/a.ts', '../models/types'],
  ['src/store/a.ts', 'better-sqlite3'],
  ['src/store/tables/a.ts', '../database'],
  ['src/store/tables/a.ts', '../../events/manifest'],
  ['src/worker/a.ts', 'onnxruntime-node'],
  ['src/worker/a.ts', '../models/types'],
  ['src/worker/a.ts', 'node:fs'],
  ['src/bundle/a.ts', '../onnx/external-data'],
  ['src/engine/a.ts', '../bundle/x'],
  ['src/cli/commands/a.ts', '../../engine/engine'],
  ['src/cli/a.ts', '../api/contract'],
  ['src/cli/a.ts', '../analysis/format'],
  ['main/a.ts', 'electron'],
  ['main/a.ts', '../src/engine/engine'],
  ['main/a.ts', '../src/execution/local/spawn'],
  ['renderer/a.tsx', '../src/api/contract'],
  ['renderer/views/a.tsx', '../../src/analysis/x'],
  ['renderer/a.tsx', 'react'],
  ['renderer/charts/a.tsx', 'plotly.js-strict-dist-min'],
  ['renderer/editor/a.tsx', '@codemirror/view'],
];

interface Diagnostic {
  code: string;
  filename: string;
  message: string;
  help?: string;
}

let folder: string;

/** Writes each import into a file of its own beside the named one, runs oxlint with the project's config over all. */
function lint(entries: readonly (readonly [string, string, string?])[], body = (specifier: string) => `import type { X } from '${specifier}';\nexport type Y = X;\n`): Map<number, Diagnostic[]> {
  const below = mkdtempSync(join(folder, 'tree-'));
  cpSync(join(root, 'oxlint.config.ts'), join(below, 'oxlint.config.ts'));
  symlinkSync(join(root, 'node_modules'), join(below, 'node_modules'), 'junction');
  writeFileSync(join(below, 'package.json'), '{"type":"module"}');
  const files = entries.map(([file, specifier], index) => {
    const path = file.replace(/a\.(tsx?)$/, `case-${index}.$1`);
    mkdirSync(dirname(join(below, path)), { recursive: true });
    writeFileSync(join(below, path), body(specifier));
    return path;
  });
  let output: string;
  try {
    output = execFileSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '--format', 'json'], { cwd: below, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: Diagnostic[] };
  return new Map(files.map((file, index) => [index, diagnostics.filter(({ filename }) => filename.replaceAll('\\', '/').endsWith(file))]));
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-import-rules-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the import rules', () => {
  it('report every import that runs against the architecture, and name the right door', () => {
    const found = lint(violations);
    const missed = violations.filter((_, index) => !found.get(index)?.some(({ code }) => code.includes('no-restricted-imports')));
    expect(missed).toEqual([]);
    for (const [index, [file, specifier, door]] of violations.entries()) {
      const said = (found.get(index) ?? []).map(({ message, help }) => `${message} ${help ?? ''}`).join('\n');
      expect(said, `${file} imports ${specifier}`).toContain(door);
    }
  });

  it('let every legal import pass', () => {
    const found = lint(legal);
    const refused = legal.filter((_, index) => found.get(index)?.some(({ code }) => code.includes('no-restricted-imports')));
    expect(refused).toEqual([]);
  });

  it('keep elementary functions and randomness out of the training numbers', () => {
    const names = ['exp', 'pow', 'log', 'sin', 'tanh', 'random'];
    const entries = names.flatMap((name) => ['onnx', 'models', 'random', 'datasets', 'worker'].map((room) => [`src/${room}/a.ts`, name] as const));
    const found = lint(entries, (name) => `export const value: number = Math.${name}(${name === 'random' ? '' : '1, 2'});\n`);
    const missed = entries.filter((_, index) => !found.get(index)?.some(({ code }) => code.includes('no-restricted-properties')));
    expect(missed).toEqual([]);
    const allowed = lint([['src/worker/a.ts', 'sqrt'], ['src/analysis/a.ts', 'exp']], (name) => `export const value: number = Math.${name}(2);\n`);
    expect([...allowed.values()].flat()).toEqual([]);
  });

  it('keep Node globals out of the pure rooms', () => {
    const entries = [['src/config/a.ts', 'Buffer'], ['src/analysis/a.ts', 'process']] as const;
    const found = lint(entries, (name) => `export const value: unknown = ${name};\n`);
    for (const index of entries.keys()) expect(found.get(index)?.map(({ code }) => code).join()).toContain('no-restricted-globals');
  });
});
