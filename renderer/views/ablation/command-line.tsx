/** What a command study starts, shown in the form and changed in the YAML: arguments are taken letter by letter. */

/** The command as it is written: arguments one by one, or a line for a shell; null where there is none. */
function wordsOf(task: unknown): { readonly shell: string | null; readonly words: readonly string[] } | null {
  const command: unknown = typeof task === 'object' && task !== null && 'command' in task ? task.command : null;
  if (Array.isArray(command)) return { shell: null, words: command.map(String) };
  if (typeof command !== 'object' || command === null || !('script' in command)) return null;
  return { shell: 'shell' in command ? String(command.shell) : null, words: [String(command.script)] };
}

export function CommandLine({ baseline, onReveal }: { readonly baseline: Readonly<Record<string, unknown>>; readonly onReveal: () => void }) {
  const command = wordsOf(baseline['task']);
  if (command === null) return null;
  const { shell, words } = command;
  return (
    <div className="form-command">
      <span className="field-label">Starts</span>
      <span className="form-command-words mono">
        {shell !== null && <span className="soft">{shell}: </span>}
        {words.map((word, index) => (
          // The same argument may stand twice.
          // oxlint-disable-next-line react/no-array-index-key
          <span key={index} className={/\{\w/u.test(word) ? 'form-command-parameter' : undefined}>
            {word}{' '}
          </span>
        ))}
      </span>
      <button type="button" className="quiet-button" aria-label="Show the command in the YAML" onClick={onReveal}>
        YAML
      </button>
    </div>
  );
}
