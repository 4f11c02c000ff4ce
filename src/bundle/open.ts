/** Opens a stranger's bundle: safe listing, reading, unpacking. Nothing in it is executed. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { RepriseError } from '../errors/errors';
import { BAG_FILES, bundleDigest, parseManifestFile, sha512 } from './bag';
import type { BundleContent } from './model';
import { loadContent } from './schemas';
import { SafeZip, type ZipEntry, type ZipLimits } from './zip';

const MAX_TAG_BYTES = 64 * 2 ** 20;
const CRATE_FILE = 'data/ro-crate-metadata.json';

/** An open bundle. Close it. */
export interface OpenBundle {
  readonly file: string;
  /** SHA-256 (hex) of the tagmanifest. */
  readonly digest: string;
  /** All files, sorted by name. */
  readonly entries: readonly ZipEntry[];
  readonly zip: SafeZip;
  /** @throws RepriseError BUNDLE_ENTRY_MISSING, BUNDLE_TOO_LARGE, BUNDLE_DAMAGED */
  read(path: string): Promise<Uint8Array>;
  /** What the bundle says about itself, checked against the schemas but not against the hashes. @throws RepriseError BUNDLE_INVALID, CONFIG_INVALID */
  content(): Promise<BundleContent>;
  close(): void;
}

/**
 * Opens a bundle and checks its listing; hashes are not checked (see `verifyBundle`, `extractBundle`).
 * @throws RepriseError of kind `input`: BUNDLE_NOT_FOUND, BUNDLE_UNREADABLE, BUNDLE_NOT_ZIP, BUNDLE_DAMAGED, BUNDLE_UNSAFE, BUNDLE_NOT_A_CRATE
 */
export async function openBundle(file: string, limits?: ZipLimits): Promise<OpenBundle> {
  const zip = await SafeZip.open(file, limits);
  try {
    const missing = [BAG_FILES.declaration, BAG_FILES.manifest, BAG_FILES.tagManifest, CRATE_FILE].filter((name) => !zip.has(name));
    if (missing.length > 0) {
      throw new RepriseError('BUNDLE_NOT_A_CRATE', `${file} is a zip file, but no bundle: it has no ${missing.join(', no ')}.`, {
        kind: 'input',
        hint: 'A bundle is a file NAME.crate.zip made by `reprise export`.',
        problems: missing.map((path) => ({ path, message: 'is missing.' })),
      });
    }
    const digest = bundleDigest(await zip.read(BAG_FILES.tagManifest, MAX_TAG_BYTES));
    return {
      file,
      digest,
      entries: zip.entries,
      zip,
      read: (path) => zip.read(path),
      content: () => loadContent((path) => zip.readText(path)),
      close: () => zip.close(),
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

function altered(file: string, path: string, why: string): RepriseError {
  return new RepriseError('BUNDLE_INVALID', `${file}: ${path} ${why}; nothing of it is used.`, {
    kind: 'negative',
    hint: '`reprise verify` names everything that is wrong.',
    problems: [{ path, message: `${why}.` }],
  });
}

/** Name → SHA-512 of every file, the manifests themselves checked against the tagmanifest. */
async function trustedHashes(bundle: OpenBundle): Promise<ReadonlyMap<string, string>> {
  const { zip, file } = bundle;
  const tags = parseManifestFile(await zip.readText(BAG_FILES.tagManifest, MAX_TAG_BYTES)).hashes;
  const manifest = await zip.read(BAG_FILES.manifest, MAX_TAG_BYTES);
  if (tags.get(BAG_FILES.manifest) !== sha512(manifest)) throw altered(file, BAG_FILES.manifest, `does not have the hash in ${BAG_FILES.tagManifest}`);
  const payload = parseManifestFile(new TextDecoder().decode(manifest)).hashes;
  return new Map([...payload, ...tags]);
}

/**
 * Unpacks a bundle into a folder that does not exist or is empty, checking the hash of every byte it
 * writes; on failure the folder is removed.
 * @param options.digest refuse any other bundle: the file may have been replaced since it was verified
 * @returns the digest of what was unpacked
 * @throws RepriseError those of `openBundle`; BUNDLE_DIGEST, BUNDLE_INVALID (`negative`); BUNDLE_FOLDER
 */
export async function extractBundle(file: string, folder: string, options: { readonly digest?: string; readonly limits?: ZipLimits } = {}): Promise<{ readonly digest: string; readonly content: BundleContent }> {
  const bundle = await openBundle(file, options.limits);
  try {
    if (options.digest !== undefined && options.digest !== bundle.digest) {
      throw new RepriseError('BUNDLE_DIGEST', `${file} has the digest ${bundle.digest}, not ${options.digest}.`, { kind: 'negative', hint: 'Trust is given to one digest: verify the file again and look at what changed.' });
    }
    const hashes = await trustedHashes(bundle);
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length > 0) throw new RepriseError('BUNDLE_FOLDER', `The folder ${folder} is not empty.`, { kind: 'input', hint: 'Bundles are unpacked into an empty folder.' });
    try {
      await extractInto(bundle, folder, hashes);
      return { digest: bundle.digest, content: await bundle.content() };
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  } finally {
    bundle.close();
  }
}

async function extractInto(bundle: OpenBundle, folder: string, hashes: ReadonlyMap<string, string>): Promise<void> {
  const { zip, file } = bundle;
  const missing = [...hashes.keys()].find((name) => !zip.has(name));
  if (missing !== undefined) throw altered(file, missing, 'is in a manifest but not in the bundle');
  for (const { name } of zip.entries) {
    // Only the tagmanifest, which nothing can list, is known by the digest instead.
    const expected = hashes.get(name);
    if (expected === undefined && name !== BAG_FILES.tagManifest) throw altered(file, name, 'is in no manifest');
    const found = await zip.extract(name, folder);
    if (expected !== undefined && expected !== found) throw altered(file, name, 'does not have the hash in its manifest');
  }
}
