/** What the window sees of the engine: `window.reprise`. No zod in here, so that the sandboxed preload stays small. */
import type { ErrorReport, Result } from '../errors/errors';
import type { CommandId } from './commands';
import type { EventName, EventOf, Input, Method, Output } from './contract';
import type { OpenedFile, Settings, ShellInput, ShellMethod, ShellOutput } from './shell';

type NameOf<M extends string> = M extends `${infer Group}.${infer Verb}` ? `${Group}${Capitalize<Verb>}` : M;
/** The name of a method on the bridge: `runs.start` → `runsStart`. */
export type BridgeName<M extends Method> = NameOf<M>;

type BridgeMethods = { readonly [M in Method as NameOf<M>]: (input: Input<M>) => Promise<Result<Output<M>>> };
type BridgeEvents = { readonly [E in EventName as `on${Capitalize<E>}`]: (listener: (value: EventOf<E>) => void) => () => void };

/** How the engine's process does, as the window shows it. */
export type EngineState =
  | { readonly status: 'starting' }
  | { readonly status: 'ready' }
  /** The process died and comes back; `restart` counts from 1 within the last minute. */
  | { readonly status: 'restarting'; readonly restart: number }
  /** It stays away until somebody asks for it again. */
  | { readonly status: 'failed'; readonly error: ErrorReport };

type ShellFunctions = { readonly [M in ShellMethod]: (input: ShellInput<M>) => Promise<Result<ShellOutput<M>>> };

/** The application around the window. */
export type ShellBridge = ShellFunctions & {
  /** A file the user dropped: the only way a path comes from the page, and it comes from the browser itself. */
  readonly droppedFile: (file: File) => Promise<Result<OpenedFile>>;
  /** A menu's command. */
  readonly onCommand: (listener: (command: CommandId) => void) => () => void;
  /** A file that a double click, the command line or the dock brought. Those that came before are told on subscription. */
  readonly onOpenFile: (listener: (file: Result<OpenedFile>) => void) => () => void;
  readonly onSettings: (listener: (settings: Settings) => void) => () => void;
  /** Which commands can be used now, for the menus. */
  readonly enableCommands: (commands: readonly CommandId[]) => void;
};

/** A method answers with a result and never rejects. A subscription answers with the function that ends it. */
export type RepriseBridge = BridgeMethods &
  BridgeEvents & {
    /** Calls the listener with the present state at once, then with every change. */
    readonly onEngineState: (listener: (state: EngineState) => void) => () => void;
    readonly shell: ShellBridge;
  };

// A record, so that the compiler finds a method that is missing here or no longer exists.
const present: Readonly<Record<Method, true>> = {
  'app.info': true,
  'experiments.list': true,
  'runs.list': true,
  'runs.get': true,
  'runs.search': true,
  'runs.searchGroups': true,
  'runs.series': true,
  'runs.start': true,
  'runs.cancel': true,
  'runs.retry': true,
  'runs.wait': true,
  'runs.diff': true,
  'runs.restoreCode': true,
  'runs.score': true,
  'runs.confusion': true,
  'config.score': true,
  'studies.plan': true,
  'studies.start': true,
  'compare.experiment': true,
  'report.write': true,
  'bundle.export': true,
  'bundle.verify': true,
  'bundle.plan': true,
  'bundle.reproduce': true,
  'runs.page': true,
  'runs.columns': true,
  'runs.opening': true,
  'runs.groups': true,
  'runs.sparklines': true,
  'runs.details': true,
  'runs.log': true,
  'runs.saveFile': true,
  'runs.output': true,
  'series.window': true,
  'runs.delete': true,
  'runs.restore': true,
  'trash.plan': true,
  'runs.import': true,
  'runs.export': true,
  'studies.list': true,
  'studies.get': true,
  'studies.pause': true,
  'studies.resume': true,
  'compare.curves': true,
  'compare.runs': true,
  'compare.table': true,
  'bundle.estimate': true,
  'bundle.inspect': true,
  'verdicts.list': true,
  'verdicts.get': true,
  'verdicts.trace': true,
  'tasks.list': true,
  'tasks.cancel': true,
  'queue.status': true,
  'machines.list': true,
  'machines.hostKey': true,
  'machines.add': true,
  'machines.remove': true,
  'machines.clean': true,
  'machines.test': true,
  'tracking.status': true,
  'tracking.start': true,
  'tracking.stop': true,
  'workspace.check': true,
  doctor: true,
};

export const methodNames = Object.keys(present) as readonly Method[];

const presentEvents: Readonly<Record<EventName, true>> = { run: true, progress: true, task: true, queue: true, changed: true, studyEnded: true };

export const eventNames = Object.keys(presentEvents) as readonly EventName[];

const presentInShell: Readonly<Record<ShellMethod, true>> = {
  chooseFile: true,
  chooseTarget: true,
  saveFile: true,
  saveStudy: true,
  copyText: true,
  showInFolder: true,
  showLogs: true,
  sample: true,
  restartEngine: true,
  getSettings: true,
  setSettings: true,
};

export const shellMethodNames = Object.keys(presentInShell) as readonly ShellMethod[];

export function bridgeName<M extends Method>(method: M): BridgeName<M> {
  return method.replace(/\.(.)/u, (_match, letter: string) => letter.toUpperCase()) as BridgeName<M>;
}
