/** The way from an experiment to a bundle of it. */
import { Button } from '@mantine/core';

const NOT_EXECUTABLE = 'These runs were logged by another program: nobody recorded what would execute them again, so a bundle has nothing to hold.';

/**
 * @param onExport null where no bundle can be made; the button then says why, and can be reached to be read
 * @param variant how it stands out among the buttons beside it, as in Mantine
 */
export function ExportButton({ onExport, variant = 'filled' }: { readonly onExport: (() => void) | null; readonly variant?: 'filled' | 'default' }) {
  return onExport === null ? (
    <Button variant={variant} data-disabled aria-disabled title={NOT_EXECUTABLE}>
      Export bundle
    </Button>
  ) : (
    <Button variant={variant} onClick={onExport}>
      Export bundle
    </Button>
  );
}
