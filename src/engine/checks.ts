/** Rows of a doctor: what a machine has, with what to do where it lacks something. */
import type { DoctorView } from '../api/rows';

export type Check = DoctorView['checks'][number];

export const ok = (name: string, found: string): Check => ({ name, status: 'ok', found, hint: null });
/** Runs go on all the same. */
export const warning = (name: string, found: string, hint: string): Check => ({ name, status: 'warning', found, hint });
export const missing = (name: string, found: string, hint: string): Check => ({ name, status: 'missing', found, hint });

export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
