import { cloneElement, useState } from 'react';
import { Popover } from '@mantine/core';
import type { PopupProps } from './popup';

/** What `Popup` is once it can be opened. */
export function Bubble({ button, label, className, position, children }: PopupProps) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position={position} withinPortal trapFocus returnFocus>
      <Popover.Target>{cloneElement(button, { onClick: () => setOpened((was) => !was) })}</Popover.Target>
      <Popover.Dropdown className={className} aria-label={label}>
        {children(() => setOpened(false))}
      </Popover.Dropdown>
    </Popover>
  );
}
