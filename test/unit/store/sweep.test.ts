import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownIdentity } from '../../../src/files/process-identity';
import { openStore } from '../../../src/store/open';
import { markTemporary, sweepLeftovers } from '../../../src/store/sweep';
import { temporaryFolder } from './sample';

const DAY_AND_MORE = Date.now() / 1000 - 25 * 3600;

function make(folder: string, owner: { readonly name: string; readonly content: object } | null, old = false): string {
  mkdirSync(join(folder, 'inside'), { recursive: true });
  writeFileSync(join(folder, 'inside', 'file'), 'x');
  if (owner !== null) writeFileSync(join(folder, owner.name), JSON.stringify(owner.content));
  if (old) utimesSync(folder, DAY_AND_MORE, DAY_AND_MORE);
  return folder;
}

it('removes the temporary folders of dead processes and old ones that name none; leaves all others', async () => {
  const workspace = temporaryFolder();
  const dead = { ...ownIdentity(), pid: 2 ** 31 - 1 };
  const foreign = { ...ownIdentity(), host: 'elsewhere', namespace: 'pid:[1]' };
  const gone = [
    make(join(workspace, 'apart', 'killed'), { name: 'host.lock', content: dead }),
    make(join(workspace, 'apart', 'old'), null, true),
    make(join(workspace, 'reproduce', 'killed'), { name: '.owner', content: dead }),
    make(join(workspace, 'reproduce', 'old'), null, true),
  ];
  const kept = [
    make(join(workspace, 'apart', 'young'), null),
    make(join(workspace, 'apart', 'elsewhere'), { name: 'host.lock', content: foreign }, true),
    make(join(workspace, 'reproduce', 'young'), null),
    make(join(workspace, 'runs', 'killed'), { name: 'host.lock', content: dead }, true),
  ];
  const mine = make(join(workspace, 'reproduce', 'mine'), null);
  await markTemporary(mine);
  utimesSync(mine, DAY_AND_MORE, DAY_AND_MORE);
  const store = await openStore(join(workspace, 'apart', 'living'), { mode: 'host' });
  utimesSync(store.workspace, DAY_AND_MORE, DAY_AND_MORE);
  expect((await sweepLeftovers(workspace)).toSorted()).toEqual(gone.toSorted());
  for (const folder of gone) expect(existsSync(folder)).toBe(false);
  for (const folder of [...kept, mine, store.workspace]) expect(existsSync(folder)).toBe(true);
  store.close();
});

it('takes the empty folder away, and finds nothing in a workspace without any', async () => {
  const workspace = temporaryFolder();
  expect(await sweepLeftovers(workspace)).toEqual([]);
  make(join(workspace, 'apart', 'old'), null, true);
  await sweepLeftovers(workspace);
  expect(existsSync(join(workspace, 'apart'))).toBe(false);
});
