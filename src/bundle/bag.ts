/** BagIt 1.0 (RFC 8493): the text of tag files and manifests. */
import { createHash } from 'node:crypto';

export const BAGIT_TXT = 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n';
export const BAG_FILES = { declaration: 'bagit.txt', info: 'bag-info.txt', manifest: 'manifest-sha512.txt', tagManifest: 'tagmanifest-sha512.txt' } as const;

/** RFC 8493, 2.1.3: line breaks and percent signs in names are encoded. */
function encodeName(name: string): string {
  return name.replace(/%/gu, '%25').replace(/\n/gu, '%0A').replace(/\r/gu, '%0D');
}

function decodeName(name: string): string {
  return name.replace(/%0a/giu, '\n').replace(/%0d/giu, '\r').replace(/%25/gu, '%');
}

/** Lines `HASH  NAME`, sorted by name in code-unit order. */
export function formatManifest(hashes: ReadonlyMap<string, string>): string {
  return [...hashes]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, hash]) => `${hash}  ${encodeName(name)}\n`)
    .join('');
}

/** Name → SHA-512 (hex, lower case). Lines that are not `HASH NAME` and repeated names come as problems. */
export function parseManifestFile(text: string): { readonly hashes: ReadonlyMap<string, string>; readonly problems: readonly string[] } {
  const hashes = new Map<string, string>();
  const problems: string[] = [];
  text.split(/\r\n|\n|\r/u).forEach((line, index) => {
    if (line === '') return;
    const match = /^([0-9a-fA-F]{128})[ \t]+\*?(.+)$/u.exec(line);
    const name = match?.[2] === undefined ? null : decodeName(match[2].replace(/^\.\//u, ''));
    if (match?.[1] === undefined || name === null) problems.push(`line ${index + 1} is not "SHA-512 name".`);
    else if (hashes.has(name)) problems.push(`line ${index + 1} lists ${name} again.`);
    else hashes.set(name, match[1].toLowerCase());
  });
  return { hashes, problems };
}

/** `Label: value` lines; a value is kept on one line. */
export function formatInfo(entries: readonly (readonly [string, string])[]): string {
  return entries.map(([label, value]) => `${label}: ${value.replace(/\s+/gu, ' ').trim()}\n`).join('');
}

/** Number of bytes and of files that `Payload-Oxum` states, or null. */
export function parseOxum(info: string): { readonly bytes: number; readonly files: number } | null {
  const match = /^Payload-Oxum:[ \t]*(\d+)\.(\d+)[ \t]*$/imu.exec(info);
  return match === null ? null : { bytes: Number(match[1]), files: Number(match[2]) };
}

export function sha512(bytes: Uint8Array | string): string {
  return createHash('sha512').update(bytes).digest('hex');
}

/** What a bundle is called: SHA-256 (hex) of its tagmanifest, which covers the manifest and so every byte of the payload. */
export function bundleDigest(tagManifest: Uint8Array): string {
  return createHash('sha256').update(tagManifest).digest('hex');
}
