/** The tracking server of an engine: started when it is first needed, ended with the engine. */
import type { EventName, EventOf } from '../api/contract';
import type { TrackingServerView } from '../api/tracking-server';
import { RepriseError } from '../errors/errors';
import { trackingUri } from '../ingest/mlflow/access';
import type { MlflowServer } from '../ingest/mlflow/server';
import type { Store } from '../store/types';
import { repriseVersion } from './package-info';

/** Lists are told of changed runs at most so often. */
const TELL_MS = 250;
/** From so many at once they had better ask again. */
const MANY_RUNS = 50;

interface Running {
  readonly server: MlflowServer;
  readonly token: string;
}

export interface TrackingHostOptions {
  readonly store: Store;
  readonly emit: <E extends EventName>(event: E, value: EventOf<E>) => void;
}

export class TrackingHost {
  readonly #options: TrackingHostOptions;
  readonly #changed = new Set<string>();
  #listChanged = false;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<Running> | null = null;
  #view: TrackingServerView = { running: false, url: null, port: null };

  constructor(options: TrackingHostOptions) {
    this.#options = options;
  }

  view(): TrackingServerView {
    return this.#view;
  }

  /**
   * Starts the server, or answers with the one that runs.
   * @throws RepriseError PORT_IN_USE where `port` was asked for and another program has it
   */
  async start(port?: number): Promise<TrackingServerView> {
    const { server } = await this.#start(port);
    if (port !== undefined && server.port !== port) {
      throw new RepriseError('PORT_IN_USE', `The tracking server runs at port ${server.port}, not at ${port}.`, { kind: 'input', hint: 'Stop it first, or go on with the port that it has.' });
    }
    return this.#view;
  }

  /** What a client is told to use; `commandRun` is the run whose program it is. */
  async address(commandRun: string | null): Promise<{ readonly uri: string; readonly token: string }> {
    const { server, token } = await this.#start();
    return { uri: trackingUri(server.port, token, commandRun), token };
  }

  async stop(): Promise<TrackingServerView> {
    const running = this.#running;
    this.#running = null;
    this.#view = { running: false, url: null, port: null };
    // One that could not start has said so to who asked for it.
    const started = await running?.catch(() => null);
    await started?.server.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return this.#view;
  }

  #start(port?: number): Promise<Running> {
    this.#running ??= this.#open(port).catch((error: unknown) => {
      this.#running = null;
      throw error;
    });
    return this.#running;
  }

  async #open(port: number | undefined): Promise<Running> {
    const { store } = this.#options;
    const [{ startMlflowServer }, { readSettings, writeSettings }] = await Promise.all([import('../ingest/mlflow/server'), import('./serve-settings')]);
    const settings = await readSettings(store.workspace);
    const server = await startMlflowServer({
      store,
      token: settings.token,
      port: port ?? settings.port,
      version: repriseVersion,
      onRun: (runId) => this.#see(runId),
      onRuns: () => {
        this.#listChanged = true;
        this.#tellSoon();
      },
    });
    if (port !== undefined && server.port !== port) {
      await server.close();
      throw new RepriseError('PORT_IN_USE', `Another program has the port ${port} of this machine.`, { kind: 'input', hint: 'Name another port, or none: then any that is free is taken.' });
    }
    await writeSettings(store.workspace, { token: settings.token, port: server.port });
    this.#view = { running: true, url: trackingUri(server.port, settings.token, null), port: server.port };
    return { server, token: settings.token };
  }

  #see(runId: string): void {
    this.#changed.add(runId);
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => void this.#tell(), TELL_MS).unref();
  }

  async #tell(): Promise<void> {
    const { store, emit } = this.#options;
    // Who logs must not wait for another program that has the database locked.
    if (store.isBehind) {
      this.#timer = null;
      this.#tellSoon();
      return;
    }
    const runIds = [...this.#changed];
    const listChanged = this.#listChanged || runIds.length > MANY_RUNS;
    this.#timer = null;
    this.#changed.clear();
    this.#listChanged = false;
    try {
      // Bit by bit: telling of runs asks for all of it at once, and who logs would wait.
      await store.index();
    } catch {
      // What is wrong with the store shows where it is asked for.
    }
    if (listChanged) emit('changed', { what: 'runs' });
    if (runIds.length > MANY_RUNS) return;
    try {
      for (const row of store.getRuns(runIds)) emit('run', row);
    } catch {
      // A timer must not end the host.
    }
  }
}
