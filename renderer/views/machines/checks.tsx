/** What a machine has and lacks, a line for each. */
import type { DoctorView } from '../../../src/api/rows';
import { StateShape } from '../../components/state-mark';
import * as format from '../../format';

type Check = DoctorView['checks'][number];

/** The state that has the same shape and colour. */
const SHAPES = { ok: 'finished', warning: 'interrupted', missing: 'failed' } as const;
const WORDS = { ok: 'OK', warning: 'Warning', missing: 'Missing' } as const;

function WarningShape() {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <path d="M6 1.2 11 10.5H1zM6 4.8v2.4M6 8.9v.1" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

/** A state as shape, colour and word. */
export function CheckMark({ status, word = WORDS[status] }: { readonly status: Check['status']; readonly word?: string }) {
  return (
    <span className={`state ${SHAPES[status]}`}>
      {status === 'warning' ? <WarningShape /> : <StateShape status={SHAPES[status]} />}
      {word}
    </span>
  );
}

export function Checks({ checks, stale = false, narrow = false }: { readonly checks: readonly Check[]; readonly stale?: boolean; readonly narrow?: boolean }) {
  return (
    <ul className={`machines-checks${stale ? ' stale' : ''}${narrow ? ' narrow' : ''}`}>
      {checks.map(({ name, status, found, hint }) => (
        <li key={name}>
          <CheckMark status={status} />
          <span>{name}</span>
          <span className="machines-found">
            {found}
            {hint !== null && <span className="machines-hint">{hint}</span>}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** `nothing is missing`, `2 warnings`, `1 missing`. @param missing what follows from it */
export function summary(checks: readonly Check[], missing: string): string {
  const lacking = checks.filter(({ status }) => status === 'missing').length;
  const warnings = checks.filter(({ status }) => status === 'warning').length;
  if (lacking > 0) return `${format.count(lacking)} missing: ${missing}`;
  return warnings > 0 ? format.plural(warnings, 'warning') : 'nothing is missing';
}
