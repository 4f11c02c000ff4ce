/** What is done with an experiment now and then, and how runs of other programs come in. */
import { lazy } from 'react';
import { ActionIcon } from '@mantine/core';
import { Ellipsis } from 'lucide-react';
import { AfterPaint } from '../../components/after-paint';

const MoreActions = lazy(async () => ({ default: (await import('./more-actions')).MoreActions }));

/** @param experiment its name; null: all runs are shown */
export function MoreMenu({ experiment }: { readonly experiment: string | null }) {
  const button = (inert: boolean) => (
    <ActionIcon variant="default" size={28} aria-label="More actions" inert={inert}>
      <Ellipsis size={16} aria-hidden="true" />
    </ActionIcon>
  );
  return (
    <AfterPaint before={button(true)}>
      <MoreActions button={button(false)} experiment={experiment} />
    </AfterPaint>
  );
}
