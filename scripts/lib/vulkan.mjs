// A Vulkan driver that computes on the processor, so that WebGPU can be tested where there is no GPU: it comes with Electron.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, SetupError } from './common.mjs';
import { ensureElectron } from './electron.mjs';

const driver = 'libvk_swiftshader.so';
const loader = 'libvulkan.so.1';
const manifest = 'vk_swiftshader_icd.json';

/**
 * REPRISE_VULKAN names a folder with the Vulkan loader and `icd.json`, which tells it of the driver. Dawn, in ONNX
 * Runtime, finds the loader by the library path, not by the folder of the program as Electron does.
 * @returns {Promise<{env: Record<string, string>, skipped: string | null}>} why there is none, else null
 */
export async function ensureVulkan() {
  if (process.platform !== 'linux') return { env: {}, skipped: `it is used on Linux only, this is ${process.platform}` };
  let dist;
  try {
    ({ dist } = await ensureElectron());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { env: {}, skipped: error.message };
  }
  const absent = [driver, loader, manifest].find((file) => !existsSync(join(dist, file)));
  if (absent !== undefined) return { env: {}, skipped: `the Electron in ${dist} has no ${absent}` };
  const folder = join(cacheFolder(), 'vulkan');
  mkdirSync(folder, { recursive: true });
  const { ICD, ...rest } = JSON.parse(readFileSync(join(dist, manifest), 'utf8'));
  writeFileSync(join(folder, 'icd.json'), JSON.stringify({ ...rest, ICD: { ...ICD, library_path: join(dist, driver) } }));
  rmSync(join(folder, loader), { force: true });
  symlinkSync(join(dist, loader), join(folder, loader));
  return { env: { REPRISE_VULKAN: folder }, skipped: null };
}
