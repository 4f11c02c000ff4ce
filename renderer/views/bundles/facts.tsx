/** Names with their values, one a line (see `Fact`). */
import type { ReactNode } from 'react';

export function Facts({ children }: { readonly children: ReactNode }) {
  return <dl className="bundles-facts">{children}</dl>;
}
