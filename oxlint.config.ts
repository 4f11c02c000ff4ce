// The lint rules; the greater part says which way imports run (see ARCHITECTURE.md).
import { builtinModules } from 'node:module';
import { defineConfig } from 'oxlint';

interface Room {
  /** The rooms of src/ that it may import, besides itself and errors/. */
  readonly may: readonly string[] | 'all';
  /** Where to go instead: the second half of the message. */
  readonly door: string;
  /** No Node, no native module, no file: such code also runs in a browser window. */
  readonly pure?: true;
  /** Its numbers reach a training run, so they must have the same bits on every engine and at every time. */
  readonly exact?: true;
}

const rooms: Readonly<Record<string, Room>> = {
  ablation: { may: ['config'], pure: true, door: 'ablation/ is pure: it turns a study into configs, and engine/ hands it what else it needs' },
  analysis: { may: ['random', 'config'], pure: true, door: 'analysis/ is pure: pass data in from engine/' },
  api: { may: ['config', 'ablation', 'analysis'], pure: true, door: 'api/ is what user interfaces know: describe the data here with zod and let engine/ fill it' },
  config: { may: [], pure: true, door: 'config/ is pure and stands below every other room: pass data in from the caller' },
  filter: { may: [], pure: true, door: 'filter/ is pure: it turns text into a tree, which store/ compiles' },
  errors: { may: [], pure: true, door: 'errors/ stands below every other room: turn foreign errors into RepriseError where they are caught' },
  onnx: { may: ['random', 'tensors'], pure: true, exact: true, door: 'onnx/ is pure: models/ builds on it and worker/ runs it' },
  models: { may: ['onnx', 'random', 'config', 'tensors'], pure: true, exact: true, door: 'models/ is pure: worker/ runs what it builds' },
  random: { may: [], pure: true, exact: true, door: 'random/ is pure: pass seeds and names in' },
  tensors: { may: [], pure: true, exact: true, door: 'tensors/ is pure: pass bytes in and let the caller write files' },

  files: { may: [], door: 'files/ holds Node file utilities that know nothing of Reprise: put it in the room that uses it' },
  events: { may: ['config', 'files'], door: 'events/ knows the event log only: store/ indexes it and execution/ tails it' },
  // The shapes of what it prepares are part of the models' and the manifest's contract.
  datasets: { may: ['config', 'random', 'tensors', 'files', 'models/types', 'events/manifest'], exact: true, door: 'datasets/ reads data and nothing else: worker/ and engine/ call it' },
  provenance: { may: ['config', 'events', 'files'], door: 'provenance/ captures: engine/ stores what it returns' },
  store: { may: ['events', 'config', 'files', 'filter'], door: 'store/ holds rows: engine/ joins them with what other rooms know' },
  ingest: { may: ['events', 'store', 'files', 'config', 'filter'], door: 'ingest/ turns what other programs write or say into records: engine/ gives it the store' },
  execution: { may: ['config', 'events', 'store', 'files', 'provenance/command-output', 'provenance/snapshot', 'outpost/layout', 'outpost/protocol', 'outpost/words'], door: 'execution/ starts and tails runs: engine/ gives it the run folder and takes what it reports' },
  outpost: {
    may: ['config', 'events', 'files', 'provenance', 'execution/host-log', 'execution/local/local-spawn', 'execution/local/spawn', 'ingest/tensorboard/run-folders'],
    door: 'outpost/ is a small program of its own on another machine: execution/remote speaks to it by its protocol',
  },
  report: { may: ['store', 'analysis', 'config'], door: 'report/ renders: engine/ gathers what it renders' },
  bundle: { may: ['store', 'events', 'config', 'tensors', 'files', 'onnx/external-data', 'onnx/initializers'], door: 'bundle/ packs, checks and judges: engine/ re-executes for it' },
  worker: { may: ['models', 'datasets', 'onnx', 'random', 'tensors', 'config', 'events', 'files', 'provenance/machine', 'provenance/runtime', 'provenance/command-output'], exact: true, door: 'a worker writes its run folder and nothing else: engine/ reads it from there' },
  engine: { may: 'all', door: 'engine/ joins the rooms of src/ and knows no user interface: use a port (spawn, clock, log, files)' },
  // Like the renderer, it may call pure code to show what the engine answers.
  cli: { may: ['engine', 'api', 'analysis', 'config', 'filter'], door: 'the command line speaks to engine/ through api/: add a use case to engine/' },
};

const roomNames = Object.keys(rooms);

/** The window's rooms with packages of their own; the others share those of the first. */
const rendererRooms = ['renderer', 'renderer/charts', 'renderer/editor'];

/** A package, the only room that may import it, and where to go instead. */
const packages: readonly { name: string; only: readonly string[]; door: string }[] = [
  { name: 'onnxruntime-node', only: ['worker'], door: 'src/worker alone imports onnxruntime-node: let engine/ start a worker' },
  { name: 'better-sqlite3', only: ['store'], door: 'src/store alone imports better-sqlite3: use or add a query there' },
  { name: 'electron', only: ['main'], door: 'main/ alone imports electron: the engine reaches it through a port' },
  ...['dockerode', 'ssh2', 'tar-stream'].map((name) => ({ name, only: ['execution'], door: `src/execution alone imports ${name}: executors are its folders` })),
  { name: 'commander', only: ['cli'], door: 'src/cli alone imports commander' },
  ...['react', 'react-dom', 'zustand', '@mantine', '@tanstack', 'lucide-react'].map((name) => ({ name, only: rendererRooms, door: 'renderer/ alone shows things' })),
  ...['@codemirror', '@lezer'].map((name) => ({ name, only: ['renderer/editor'], door: 'renderer/editor alone imports CodeMirror' })),
  { name: 'plotly.js-strict-dist-min', only: ['renderer/charts'], door: 'renderer/charts alone imports plotly: give its charts lines and effects' },
];

type Pattern = ({ regex: string } | { group: string[] }) & { message: string };

const escaped = (name: string): string => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
const anyOf = (names: readonly string[]): string => `(${names.map(escaped).join('|')})(/|$)`;

const packagePatterns = (room: string): Pattern[] =>
  packages.filter(({ only }) => !only.includes(room)).map(({ name, door }) => ({ regex: `^${anyOf([name])}`, message: `${door}.` }));

/** Node's own modules, with and without `node:`. */
const nodePattern = (door: string): Pattern => ({ regex: `^(node:.*|${anyOf(builtinModules.filter((name) => !name.startsWith('_')))}.*)$`, message: `No Node module here: ${door}.` });

/** The rooms of src/ that are closed to one that may import `may`; an entry like `execution/local/spawn` opens one file. */
const closedRooms = (self: string, may: readonly string[], prefix: string): Pattern[] => {
  const closed = roomNames.filter((name) => name !== self && name !== 'errors' && !may.includes(name));
  const opened = may.filter((name) => name.includes('/'));
  const partly = closed.filter((name) => opened.some((path) => path.startsWith(`${name}/`)));
  const wholly = closed.filter((name) => !partly.includes(name));
  const patterns: Pattern[] = [];
  if (wholly.length > 0) patterns.push({ regex: `^(\\.\\./)+${prefix}${anyOf(wholly)}`, message: '' });
  for (const name of partly) {
    // The linter's regular expressions know no look-ahead; its globs know exceptions.
    const files = opened.filter((path) => path.startsWith(`${name}/`));
    patterns.push({ group: [`**/${name}/**`, ...files.map((path) => `!**/${path}`)], message: '' });
  }
  return patterns;
};

const withDoor = (patterns: readonly Pattern[], door: string): Pattern[] => patterns.map((pattern) => ({ ...pattern, message: `${door}.` }));

const windows: Pattern = { regex: '^(\\.\\./)+(main|renderer)(/|$)', message: 'Nothing imports main/ or renderer/: put shared code in a room of src/, or pass it in through a port.' };
const outOfSource: Pattern = { regex: '^(\\.\\./)+(test|scripts)(/|$)', message: 'The app does not import its tests or scripts.' };

const restricted = (patterns: readonly Pattern[]): ['error', { patterns: Pattern[] }] => ['error', { patterns: [...patterns] }];

const elementary = ['acos', 'acosh', 'asin', 'asinh', 'atan', 'atan2', 'atanh', 'cbrt', 'cos', 'cosh', 'exp', 'expm1', 'hypot', 'log', 'log10', 'log1p', 'log2', 'pow', 'sin', 'sinh', 'tan', 'tanh'];
const exactness = [
  ...elementary.map((property) => ({ object: 'Math', property, message: `Math.${property} differs between engine versions: use random/portable.` })),
  { object: 'Math', property: 'random', message: 'Randomness comes from random/streams, keyed by seed and purpose.' },
];

const roomOverrides = Object.entries(rooms).map(([name, room]) => ({
  files: [`src/${name}/**`],
  rules: {
    'no-restricted-imports': restricted([
      ...packagePatterns(name),
      ...(room.pure ? [nodePattern(room.door)] : []),
      ...withDoor(closedRooms(name, room.may === 'all' ? roomNames.filter((other) => other !== 'cli') : room.may, '(src/)?'), room.door),
      windows,
      outOfSource,
    ]),
    ...(room.pure
      ? {
          'no-restricted-globals': [
            'error' as const,
            ...['Buffer', 'process', 'global', '__dirname', '__filename', 'require'].map((global) => ({ name: global, message: `${global} exists in Node only: ${room.door}.` })),
          ] as ['error', ...{ name: string; message: string }[]],
        }
      : {}),
    ...(room.exact ? { 'no-restricted-properties': ['error' as const, ...exactness] as ['error', ...typeof exactness] } : {}),
  },
}));

const mainDoor = 'main/ speaks to engine/ through api/: add a use case to engine/';
const rendererDoor = 'renderer/ sees api/ and pure rooms only: ask the engine through the preload';

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'react', 'vitest'],
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  env: { es2024: true },
  ignorePatterns: ['node_modules/**', 'out/**', 'dist/**', 'src/**/proto/**', 'test/fixtures/**'],
  rules: {
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'no-var': 'error',
    'prefer-const': 'error',
    'no-console': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
    'import/no-default-export': 'error',
    'import/no-cycle': 'error',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    'max-lines': ['error', { max: 440 }],
    // Style and speed where it does not matter: sorting a fresh copy, a helper inside its function, a test's own loop.
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/prefer-set-has': 'off',
    'oxc/no-map-spread': 'off',
    'no-underscore-dangle': 'off',
    'no-shadow': 'off',
    'vitest/no-conditional-expect': 'off',
    'vitest/no-standalone-expect': 'off',
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
    // Numbers are written as their bits ask, and names are checked for control characters.
    'oxc/approx-constant': 'off',
    'no-control-regex': 'off',
    // Steps that must happen one after the other are the rule here, not the exception.
    'no-await-in-loop': 'off',
    // Styles and registrations.
    'import/no-unassigned-import': ['error', { allow: ['**/*.css'] }],
    'react/react-in-jsx-scope': 'off',
  },
  overrides: [
    ...roomOverrides,
    {
      files: ['main/**'],
      rules: {
        'no-restricted-imports': restricted([
          ...packagePatterns('main'),
          ...withDoor(closedRooms('', ['engine', 'api', 'execution/local/spawn', 'execution/local/end-supervisor', 'execution/local/local-spawn', 'files/atomic-write'], 'src/'), mainDoor),
          { regex: '^(\\.\\./)+renderer(/|$)', message: windows.message },
          outOfSource,
        ]),
        // Message ports and processes have no target origin.
        'unicorn/require-post-message-target-origin': 'off',
      },
    },
    ...rendererRooms.map((room) => ({
      files: [`${room}/**`],
      rules: {
        'no-restricted-imports': restricted([
          ...packagePatterns(room),
          nodePattern(rendererDoor),
          ...withDoor(closedRooms('', ['api', 'config', 'ablation', 'analysis', 'filter'], 'src/'), rendererDoor),
          { regex: '^(\\.\\./)+main(/|$)', message: windows.message },
          outOfSource,
        ]),
      },
    })),
    // Tools ask for a default export; the scripts and the command line's output speak to a terminal.
    { files: ['*.config.ts'], rules: { 'import/no-default-export': 'off' } },
    { files: ['scripts/**', 'test/**'], rules: { 'no-console': 'off' } },
    {
      files: ['test/**'],
      rules: {
        // Helpers that fail a test themselves.
        'vitest/expect-expect': ['error', { assertFunctionNames: ['expect', 'near', 'judge', 'until', 'untilGone'] }],
        // A test may throw where something is missing, call what users must not, and need no words for either.
        'vitest/require-to-throw-message': 'off',
        'no-unsafe-optional-chaining': 'off',
        'no-eval': 'off',
        'no-loss-of-precision': 'off',
        'unicorn/no-useless-spread': 'off',
        // Message ports have no target origin.
        'unicorn/require-post-message-target-origin': 'off',
      },
    },
  ],
});
