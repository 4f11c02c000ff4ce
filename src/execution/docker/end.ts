/** How a container ended, as its engine tells, and nothing beyond that. */
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { ContainerInspectInfo } from 'dockerode';
import type { CommandExit } from '../../events/command-run';
import type { Engine } from './client';
import { progressLines } from './progress';

export type ContainerState = ContainerInspectInfo['State'];

/** Why the host had it ended, or null. */
export type Asked = 'cancelled' | 'time-limit' | 'stopped' | null;

export interface ContainerEnd {
  /** interrupted: with its engine. */
  readonly reason: Extract<CommandExit['reason'], 'ended' | 'cancelled' | 'time-limit' | 'stopped' | 'out-of-memory'> | 'interrupted';
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Milliseconds since 1970, UTC, of the engine's clock. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly message: string | null;
}

export interface SeenEvents {
  /** Signals that were sent by way of the engine. */
  readonly signals: readonly string[];
  /** Whether the engine saw it end; one that was not running did not. */
  readonly died: boolean;
}

/** Its events come so much later than the time it gives for the end, at most. */
const EVENT_DELAY_MS = 250;

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [String(number), name]));

/** What the engine has not forgotten yet: it keeps the last 256 events of all its containers, until it is restarted. */
export async function eventsOf({ docker }: Engine, id: string, { StartedAt, FinishedAt }: ContainerState): Promise<SeenEvents> {
  const seconds = (time: string, more: number): string => ((Date.parse(time) + more) / 1000).toFixed(3);
  const since = seconds(StartedAt, -1000);
  const until = seconds(FinishedAt, EVENT_DELAY_MS);
  const stream = (await docker.getEvents({ since, until, filters: { container: [id], event: ['kill', 'die'] } } as object)) as unknown as Readable;
  const signals: string[] = [];
  let died = false;
  for await (const line of progressLines(stream)) {
    const { Action, Actor } = line as { readonly Action?: string; readonly Actor?: { readonly Attributes?: { readonly signal?: string } } };
    if (Action === 'die') died = true;
    else if (Action === 'kill') signals.push(SIGNALS.get(Actor?.Attributes?.signal ?? '') ?? `signal ${Actor?.Attributes?.signal ?? 'unknown'}`);
  }
  return { signals, died };
}

/** @param asked why the host had it ended, where it had */
export function endOf(state: ContainerState, { signals, died }: SeenEvents, asked: Asked): ContainerEnd {
  const [startedAt, endedAt] = [Date.parse(state.StartedAt), Date.parse(state.FinishedAt)];
  const times = { startedAt, endedAt: Math.max(startedAt, endedAt) };
  // Engines say 128 + N of a process that a signal ended, and of one that says so by itself: only who sent it tells.
  const signal = signals.find((name) => state.ExitCode === 128 + (constants.signals[name as NodeJS.Signals] ?? -1)) ?? null;
  const how = { exitCode: signal === null ? state.ExitCode : null, signal, ...times };
  if (asked !== null) return { reason: asked, ...how, message: null };
  if (state.OOMKilled && state.ExitCode !== 0) return { reason: 'out-of-memory', exitCode: null, signal: 'SIGKILL', ...times, message: null };
  if (state.ExitCode !== 0 && !died) return { reason: 'interrupted', ...how, message: 'Docker Engine was restarted, or its machine, which ended the container.' };
  return { reason: 'ended', ...how, message: signal === null ? null : `The container was ended from outside, by ${signal}.` };
}
