/** The engine's end of a window's port: checks each request and each answer against the contract, and passes events on. */
import { eventNames } from '../src/api/bridge';
import type { EngineClient, Method } from '../src/api/contract';
import { opening } from '../src/api/opening';
import { areSchemasWanted, loadSchemas, type Schemas } from '../src/engine/schemas-when-needed';
import { RepriseError, toErrorReport, type Result } from '../src/errors/errors';
import type { PathGrants } from './path-grants';
import type { PortMessage } from './port-protocol';

/** What is used of Electron's MessagePortMain. */
export interface ServerPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  start(): void;
}

function idOf(message: unknown): number | null {
  const id = typeof message === 'object' && message !== null && 'id' in message ? message.id : null;
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null;
}

/** What a window begins with is compared with what it must be, and so needs no schema. As text: objects that come over a port have prototypes of another realm. */
function isFirstQuestion(message: unknown, id: number): boolean {
  try {
    return JSON.stringify(message) === JSON.stringify({ id, method: 'runs.opening', input: opening });
  } catch {
    // It leads in a circle, or holds what has no text.
    return false;
  }
}

async function answer(engine: EngineClient, grants: PathGrants, message: unknown): Promise<PortMessage> {
  const withId = idOf(message);
  if (withId !== null && !areSchemasWanted() && isFirstQuestion(message, withId)) {
    return { kind: 'result', id: withId, result: await engine.call('runs.opening', opening) };
  }
  const schemas = await loadSchemas();
  const parsed = schemas.request.safeParse(message);
  if (!parsed.success) {
    const error = new RepriseError('REQUEST_INVALID', 'The engine received a message that is no request of the contract.', {
      problems: parsed.error.issues.map((issue) => ({ path: issue.path.join('.') || 'message', message: issue.message })),
    });
    return { kind: 'result', id: withId, result: { ok: false, error: toErrorReport(error) } };
  }
  const { id, method, input } = parsed.data;
  return { kind: 'result', id, result: await checkedCall(engine, grants, schemas, method, input) };
}

async function checkedCall(engine: EngineClient, grants: PathGrants, { methods }: Schemas, method: Method, input: unknown): Promise<Result<unknown>> {
  try {
    const admission = await grants.admit(method, input);
    // The engine checks the input itself: it refuses with paths and what is allowed.
    const result = await engine.call(method, input as never);
    admission.ended(result.ok);
    if (!result.ok) return result;
    const output = methods[method].output.safeParse(result.value);
    if (output.success) return { ok: true, value: output.data };
    const problems = output.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
    throw new RepriseError('ANSWER_INVALID', `${method}: the engine's answer is not what the contract says.`, { kind: 'system', problems, hint: 'Please report this.' });
  } catch (error) {
    return { ok: false, error: toErrorReport(error) };
  }
}

/** Serves a port until it closes. `grants`: which files a call over it may name. */
export function serveClient(port: ServerPort, engine: EngineClient, grants: PathGrants): void {
  const unsubscribe = eventNames.map((event) => engine.on(event, (value) => port.postMessage({ kind: 'event', event, value } as PortMessage)));
  port.on('message', (event) => {
    void answer(engine, grants, event.data).then((message) => {
      port.postMessage(message);
      // The next question needs them.
      void loadSchemas();
    });
  });
  port.on('close', () => {
    for (const end of unsubscribe) end();
  });
  port.start();
}
