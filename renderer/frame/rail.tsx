/** The rail of places. */
import type { ComponentType } from 'react';
import { ChartNoAxesCombined, Cpu, FlaskConical, Grid3x3, Package, Settings } from 'lucide-react';
import { commands, type CommandId } from '../../src/api/commands';
import { run, shortcutText } from '../state/commands';
import { railOf, usePlace, type Rail } from '../state/place';

interface Entry {
  readonly rail: Rail;
  readonly command: Extract<CommandId, `go.${Rail}`>;
  readonly Icon: ComponentType<{ readonly size: number; readonly strokeWidth: number; readonly 'aria-hidden': 'true' }>;
}

const entries: readonly Entry[] = [
  { rail: 'experiments', command: 'go.experiments', Icon: FlaskConical },
  { rail: 'ablations', command: 'go.ablations', Icon: Grid3x3 },
  { rail: 'compare', command: 'go.compare', Icon: ChartNoAxesCombined },
  { rail: 'bundles', command: 'go.bundles', Icon: Package },
  { rail: 'machines', command: 'go.machines', Icon: Cpu },
  { rail: 'settings', command: 'go.settings', Icon: Settings },
];

export function RailBar() {
  const present = usePlace((state) => railOf(state.place));
  return (
    <nav className="rail" aria-label="Places">
      {entries.map(({ rail, command, Icon }) => (
        <button
          key={rail}
          type="button"
          className="rail-place"
          aria-current={rail === present ? 'page' : undefined}
          title={`${commands[command].title} (${shortcutText(commands[command].shortcut)})`}
          onClick={() => run(command)}
        >
          <Icon size={18} strokeWidth={1.75} aria-hidden="true" />
          <span>{commands[command].title}</span>
        </button>
      ))}
    </nav>
  );
}
