/** Every command of the app, once: menus, shortcuts and the palette are made from this table. */

export type Menu = 'file' | 'edit' | 'view' | 'go' | 'run' | 'help';

export interface Command {
  /** What it does, as a menu says it. */
  readonly title: string;
  readonly menu: Menu;
  /** Electron's notation: `CmdOrCtrl+K`. */
  readonly shortcut?: string;
  /** Further words it is found by. */
  readonly words?: string;
}

export const commands = {
  'study.new': { title: 'New ablation', menu: 'file', shortcut: 'CmdOrCtrl+N', words: 'study create factor' },
  'study.sample': { title: 'Open the sample ablation', menu: 'file', words: 'example tutorial mnist' },
  'study.sampleCommand': { title: 'Open the sample ablation of a program', menu: 'file', words: 'example tutorial command python script' },
  'file.open': { title: 'Open study or bundle…', menu: 'file', shortcut: 'CmdOrCtrl+O', words: 'yaml zip crate import' },
  'runs.import': { title: 'Import runs…', menu: 'file', shortcut: 'CmdOrCtrl+Shift+O', words: 'mlflow mlruns tensorboard wandb csv json parquet table folder' },
  'runs.export': { title: 'Export runs…', menu: 'file', shortcut: 'CmdOrCtrl+Shift+E', words: 'mlflow mlruns csv json parquet table' },
  'study.save': { title: 'Save study', menu: 'file', shortcut: 'CmdOrCtrl+S', words: 'yaml write' },
  'study.saveAs': { title: 'Save study as…', menu: 'file', shortcut: 'CmdOrCtrl+Shift+S', words: 'yaml write' },
  'bundle.export': { title: 'Export bundle…', menu: 'file', shortcut: 'CmdOrCtrl+E', words: 'reproduction crate zip share' },
  'report.write': { title: 'Write report…', menu: 'file', words: 'markdown html export' },

  'edit.undo': { title: 'Undo', menu: 'edit', shortcut: 'CmdOrCtrl+Z' },
  'edit.redo': { title: 'Redo', menu: 'edit', shortcut: 'CmdOrCtrl+Shift+Z' },
  'edit.find': { title: 'Filter', menu: 'edit', shortcut: 'CmdOrCtrl+F', words: 'search find text' },
  'run.delete': { title: 'Delete runs', menu: 'edit', words: 'trash remove' },

  'view.palette': { title: 'Find a command', menu: 'view', shortcut: 'CmdOrCtrl+K', words: 'palette' },
  'view.inspector': { title: 'Show or hide the inspector', menu: 'view', shortcut: 'CmdOrCtrl+I', words: 'panel details' },
  'view.light': { title: 'Light appearance', menu: 'view', words: 'theme' },
  'view.dark': { title: 'Dark appearance', menu: 'view', words: 'theme' },
  'view.system': { title: "The system's appearance", menu: 'view', words: 'theme' },

  'go.experiments': { title: 'Experiments', menu: 'go', shortcut: 'CmdOrCtrl+1', words: 'runs list table' },
  'go.ablations': { title: 'Ablations', menu: 'go', shortcut: 'CmdOrCtrl+2', words: 'study design matrix' },
  'go.compare': { title: 'Compare', menu: 'go', shortcut: 'CmdOrCtrl+3', words: 'effects curves table' },
  'go.bundles': { title: 'Bundles', menu: 'go', shortcut: 'CmdOrCtrl+4', words: 'reproduce verdict' },
  'go.machines': { title: 'Machines', menu: 'go', shortcut: 'CmdOrCtrl+5', words: 'doctor environment' },
  'go.settings': { title: 'Settings', menu: 'go', shortcut: 'CmdOrCtrl+Comma', words: 'preferences theme' },
  'go.back': { title: 'Back', menu: 'go', shortcut: 'Alt+Left' },
  'go.forward': { title: 'Forward', menu: 'go', shortcut: 'Alt+Right' },

  'study.run': { title: 'Run the ablation', menu: 'run', shortcut: 'CmdOrCtrl+Enter', words: 'start train' },
  'study.pause': { title: 'Pause the ablation', menu: 'run', words: 'hold stop' },
  'study.resume': { title: 'Resume the ablation', menu: 'run', words: 'continue go on' },
  'run.cancel': { title: 'Cancel runs', menu: 'run', words: 'stop' },
  'run.retry': { title: 'Retry runs', menu: 'run', words: 'again' },
  'run.compare': { title: 'Compare runs side by side', menu: 'run', words: 'difference config' },
  'compare.copyMarkdown': { title: 'Copy comparison as Markdown', menu: 'run', words: 'table' },
  'compare.copyCsv': { title: 'Copy comparison as CSV', menu: 'run', words: 'table' },
  'compare.copyLatex': { title: 'Copy comparison as LaTeX', menu: 'run', words: 'table booktabs paper' },
  'bundle.reproduce': { title: 'Reproduce bundle', menu: 'run', words: 'verdict re-execute verify' },

  'help.logs': { title: 'Show logs', menu: 'help', words: 'problem crash' },
} as const satisfies Record<string, Command>;

export type CommandId = keyof typeof commands;

export const commandIds = Object.keys(commands) as readonly CommandId[];
