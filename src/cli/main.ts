import { main } from './program';

const code = await main(process.argv.slice(2));
// An answer that could not be written has set a code of its own.
process.exitCode ??= code;
