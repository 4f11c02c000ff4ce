/** CodeMirror dressed in the variables of theme.css: light, dark and high contrast are decided there alone. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--paper)', color: 'var(--ink)', fontSize: '12px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-line': { padding: '0 16px 0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'var(--paper)', color: 'var(--ink-soft)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '32px', padding: '0 4px 0 8px' },
  '.cm-activeLine': { backgroundColor: 'var(--paper-raised)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--paper-raised)', color: 'var(--ink)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 24%, transparent)' },
  '.cm-selectionMatch, .cm-searchMatch': { backgroundColor: 'color-mix(in srgb, var(--accent) 16%, transparent)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'transparent', outline: '1px solid var(--line-strong)' },
  '.cm-gutter-lint': { width: '16px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0 0 0 4px' },
  '.cm-lint-marker': { width: '8px', height: '8px' },
  '.cm-lint-marker-error': { content: 'none', display: 'inline-block', borderRadius: '50%', backgroundColor: 'var(--state-failed)' },
  '.cm-lintRange-error': { backgroundImage: 'none', textDecoration: 'underline wavy var(--state-failed)', textUnderlineOffset: '3px' },
  '.cm-tooltip': { border: '1px solid var(--line-strong)', borderRadius: 'var(--radius)', backgroundColor: 'var(--paper)', color: 'var(--ink)' },
  '.cm-diagnostic': { maxWidth: '480px', padding: '8px 12px', borderLeft: '2px solid var(--state-failed)', font: '400 13px / 20px var(--font)' },
  '.cm-panels': { borderColor: 'var(--line)', backgroundColor: 'var(--paper-raised)', color: 'var(--ink)', font: '400 13px / 20px var(--font)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { display: 'flex', flexWrap: 'wrap', gap: '4px', alignItems: 'center', padding: '8px 32px 8px 12px' },
  '.cm-panel.cm-search .cm-textfield, .cm-panel.cm-search .cm-button': { height: '28px', margin: '0', padding: '0 8px' },
  '.cm-panel.cm-search .cm-textfield': { width: '144px' },
  '.cm-panel.cm-search [type=checkbox]': { width: '16px', height: '16px', margin: '4px', accentColor: 'var(--accent)' },
  '.cm-panel.cm-search label': { display: 'inline-flex', alignItems: 'center', margin: '0 4px 0 0', fontSize: '12px' },
  '.cm-panel.cm-search [name=close]': { width: '24px', height: '24px', color: 'var(--ink-soft)' },
  '.cm-textfield': { border: '1px solid var(--line-strong)', borderRadius: '4px', backgroundColor: 'var(--paper)', color: 'var(--ink)', fontSize: '13px' },
  '.cm-button': { border: '1px solid var(--line-strong)', borderRadius: '4px', backgroundImage: 'none', backgroundColor: 'var(--paper)', color: 'var(--ink)', fontSize: '13px' },
  '.cm-panel.cm-panel-lint ul [aria-selected]': { backgroundColor: 'var(--paper-focus)', color: 'var(--ink)' },
});

const words = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: 'var(--accent)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--ink-soft)', fontStyle: 'italic' },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--ink-soft)' },
  { tag: tags.invalid, color: 'var(--state-failed)' },
]);

export const editorTheme = [look, syntaxHighlighting(words)];
