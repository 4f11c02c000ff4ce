/** Templates in a command: `{name}` stands for the parameter of that name, `{seed}` for the seed, `{{` for a brace. Any other brace is itself. */
import { isMapping } from './mapping';

const TEMPLATE = /\{\{|\{([A-Za-z_][\w.-]*)\}/gu;

/** Names that a text asks for, each once, in their order. */
export function namesIn(text: string): string[] {
  const names = Array.from(text.matchAll(TEMPLATE), ([, name]) => name).filter((name) => name !== undefined);
  return [...new Set(names)];
}

/** The text with every name replaced. @param valueOf the value of a name that is there */
export function fillTemplate(text: string, valueOf: (name: string) => string): string {
  return text.replaceAll(TEMPLATE, (_, name: string | undefined) => (name === undefined ? '{' : valueOf(name)));
}

/** Names that parameters can be asked for by: their keys and, of mappings, those of what is in them, joined by dots. */
export function parameterNames(params: Readonly<Record<string, unknown>>, prefix = ''): string[] {
  return Object.entries(params).flatMap(([key, value]) => [`${prefix}${key}`, ...(isMapping(value) ? parameterNames(value, `${prefix}${key}.`) : [])]);
}

/** The value of a parameter by one of its names; undefined where there is none. A key that has dots itself goes first. */
export function parameterValue(params: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(params, name)) return params[name];
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const [head, rest] = [name.slice(0, dot), name.slice(dot + 1)];
    const inner = Object.hasOwn(params, head) ? params[head] : undefined;
    const value = isMapping(inner) ? parameterValue(inner, rest) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

/** A parameter as an argument: texts as they are, everything else as JSON writes it. */
export function parameterText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
