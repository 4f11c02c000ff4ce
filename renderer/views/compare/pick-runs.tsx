/** Picks runs of a comparison to be laid side by side: one seed, two to six variants. */
import { useEffect, useRef, useState } from 'react';
import { Button, Checkbox, Popover, Select } from '@mantine/core';
import { plural } from '../../format';
import { go } from '../../state/place';
import type { ComparedVariant } from './numbers';

const MOST_RUNS = 6;

interface PickRunsProps {
  readonly variants: readonly ComparedVariant[];
  readonly opened: boolean;
  readonly onChange: (opened: boolean) => void;
}

export function PickRuns({ variants, opened, onChange }: PickRunsProps) {
  const seeds = [...new Set(variants.flatMap(({ values }) => values.flatMap(({ seed }) => seed ?? [])))].toSorted((a, b) => a - b);
  const button = useRef<HTMLButtonElement>(null);
  // The command, too, opens it, wherever the page is scrolled to.
  useEffect(() => {
    if (opened) button.current?.scrollIntoView({ block: 'nearest' });
  }, [opened]);
  const [picked, setPicked] = useState<number | null>(null);
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const seed = picked !== null && seeds.includes(picked) ? picked : seeds[0];
  const offered = variants.flatMap(({ name, values }) => {
    const run = values.find((value) => value.seed === seed)?.run;
    return run === undefined ? [] : [{ name, run }];
  });
  const chosen = offered.filter(({ name }) => !left.has(name)).slice(0, MOST_RUNS);

  function toggle(name: string, on: boolean): void {
    const next = new Set(offered.filter((one) => !chosen.includes(one)).map((one) => one.name));
    if (on) next.delete(name);
    else next.add(name);
    setLeft(next);
  }

  return (
    <Popover position="bottom-end" opened={opened} onChange={onChange} trapFocus width={320}>
      <Popover.Target>
        <Button ref={button} variant="default" size="xs" disabled={offered.length < 2} aria-haspopup="dialog" aria-expanded={opened} onClick={() => onChange(!opened)}>
          Side by side…
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Runs to lay side by side">
        <Select label="Seed" size="xs" data={seeds.map(String)} value={seed === undefined ? null : String(seed)} allowDeselect={false} comboboxProps={{ withinPortal: false }} onChange={(value) => setPicked(value === null ? null : Number(value))} />
        <div className="compare-pick" role="group" aria-label="Variants">
          {offered.map(({ name }) => {
            const on = chosen.some((one) => one.name === name);
            return <Checkbox key={name} size="xs" label={name} checked={on} disabled={!on && chosen.length >= MOST_RUNS} onChange={(event) => toggle(name, event.currentTarget.checked)} />;
          })}
        </div>
        <Button fullWidth disabled={chosen.length < 2} onClick={() => go({ view: 'side-by-side', runs: chosen.map(({ run }) => run) })}>
          {chosen.length < 2 ? 'Pick two to six' : `Compare ${plural(chosen.length, 'run')}`}
        </Button>
      </Popover.Dropdown>
    </Popover>
  );
}
