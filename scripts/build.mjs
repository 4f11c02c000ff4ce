// `npm run build`: builds out/ whether or not a source has changed.
import { ensureBuild } from './lib/bundle.mjs';
import { main } from './lib/main.mjs';
import { ensurePackages } from './lib/packages.mjs';

await main(async () => {
  await ensurePackages();
  await ensureBuild({ force: true });
  return 0;
});
