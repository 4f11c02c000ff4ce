/** The entry of the main process: compiled code is kept between starts where this Node can, then the app begins. */
import module from 'node:module';
import { join } from 'node:path';
import { app } from 'electron';

// Node has it since 22.1. What it keeps lies in the user's data folder, so it goes with the app's other caches.
const keep = (module as { enableCompileCache?: (folder: string) => unknown }).enableCompileCache;
keep?.(join(app.getPath('userData'), 'Compile Cache'));
const { begin } = await import('./app');
begin();
