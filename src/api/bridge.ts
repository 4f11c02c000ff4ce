/** What the window sees of the engine: `window.reprise`. No zod in here, so that the sandboxed preload stays small. */
import type { ErrorReport, Result } from '../errors/errors';
import type { EventName, EventOf, Input, Method, Output } from './contract';

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

/** A method answers with a result and never rejects. A subscription answers with the function that ends it. */
export type RepriseBridge = BridgeMethods &
  BridgeEvents & {
    /** Calls the listener with the present state at once, then with every change. */
    readonly onEngineState: (listener: (state: EngineState) => void) => () => void;
    /** The sample study that comes with the app. */
    readonly samplePath: () => Promise<Result<string>>;
    /** Starts an engine that has failed once more. */
    readonly restartEngine: () => Promise<Result<null>>;
  };

// A record, so that the compiler finds a method that is missing here or no longer exists.
const present: Readonly<Record<Method, true>> = {
  'app.info': true,
  'experiments.list': true,
  'runs.list': true,
  'runs.get': true,
  'runs.series': true,
  'runs.start': true,
  'runs.cancel': true,
  'runs.retry': true,
  'runs.wait': true,
  'runs.diff': true,
  'studies.plan': true,
  'studies.start': true,
  'compare.experiment': true,
  'report.write': true,
  'bundle.export': true,
  'bundle.verify': true,
  'bundle.plan': true,
  'bundle.reproduce': true,
  'workspace.check': true,
  doctor: true,
};

export const methodNames = Object.keys(present) as readonly Method[];

export function bridgeName<M extends Method>(method: M): BridgeName<M> {
  return method.replace(/\.(.)/u, (_match, letter: string) => letter.toUpperCase()) as BridgeName<M>;
}
