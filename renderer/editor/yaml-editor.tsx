/** A YAML text in CodeMirror. It keeps no history of its own: the text's owner undoes, across whatever else edits it. */
import { useEffect, useRef } from 'react';
import { defaultKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentOnInput } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { Annotation, EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, type KeyBinding } from '@codemirror/view';
import { styleNonce } from '../theme/mantine';
import { editorTheme } from './theme';

/** Something wrong with a stretch of the text; offsets in characters. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface YamlEditorProps {
  readonly text: string;
  readonly label: string;
  readonly marks: readonly Mark[];
  /** A stretch to show and to put the cursor on; a new object each time it is asked for. */
  readonly reveal: { readonly from: number; readonly to: number } | null;
  readonly onChange: (text: string) => void;
  readonly onUndo: () => void;
  readonly onRedo: () => void;
}

/** Marks a change that came from outside and is not to be told there. */
const fromOutside = Annotation.define<boolean>();

/** Keys that are commands of the whole window. */
const TAKEN = new Set(['Mod-Enter', 'Mod-i', 'Alt-ArrowLeft', 'Alt-ArrowRight', 'Mod-k', 'Ctrl-k']);

/** The one stretch in which two texts differ. */
function difference(before: string, after: string): { readonly from: number; readonly to: number; readonly insert: string } {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from += 1;
  let same = 0;
  while (same < shorter - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}

export function YamlEditor(props: YamlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });

  useEffect(() => {
    if (host.current === null) return undefined;
    const command = (does: 'onUndo' | 'onRedo'): KeyBinding['run'] => () => {
      latest.current[does]();
      return true;
    };
    const history: readonly KeyBinding[] = [
      { key: 'Mod-z', run: command('onUndo') },
      { key: 'Mod-y', mac: 'Mod-Shift-z', run: command('onRedo') },
      { key: 'Mod-Shift-z', run: command('onRedo') },
    ];
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: latest.current.text,
        extensions: [
          EditorView.cspNonce.of(styleNonce()),
          EditorView.contentAttributes.of({ 'aria-label': latest.current.label, tabindex: '0' }),
          EditorView.lineWrapping,
          lineNumbers(),
          lintGutter(),
          highlightActiveLine(),
          highlightActiveLineGutter(),
          highlightSelectionMatches(),
          search({ top: true }),
          drawSelection(),
          bracketMatching(),
          indentOnInput(),
          EditorState.tabSize.of(2),
          yaml(),
          keymap.of([...history, ...searchKeymap, ...lintKeymap, ...defaultKeymap].filter(({ key }) => key === undefined || !TAKEN.has(key))),
          editorTheme,
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !update.transactions.some((transaction) => transaction.annotation(fromOutside) === true)) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, []);

  const { text, marks, reveal } = props;
  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const before = editor.state.doc.toString();
    if (before === text) return;
    const change = difference(before, text);
    const at = change.from + change.insert.length;
    // Where an edit of the form changes the text, the change comes into sight.
    editor.dispatch({ changes: change, annotations: fromOutside.of(true), selection: { anchor: at }, effects: EditorView.scrollIntoView(Math.min(at, text.length), { y: 'nearest', yMargin: 40 }) });
  }, [text]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const end = editor.state.doc.length;
    const diagnostics = marks.map(({ from, to, message }) => ({ from: Math.min(from, end), to: Math.min(to, end), message, severity: 'error' as const }));
    editor.dispatch(setDiagnostics(editor.state, diagnostics));
  }, [marks]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null || reveal === null) return;
    const end = editor.state.doc.length;
    const [anchor, head] = [Math.min(reveal.from, end), Math.min(reveal.to, end)];
    editor.dispatch({ selection: { anchor, head }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) });
    editor.focus();
  }, [reveal]);

  return <div ref={host} className="yaml-editor" />;
}
