// Values of a chat template as Python writes them: str, repr, json.dumps, and the string methods whose JavaScript namesakes differ.
import type { TemplateValue } from './jinja-runtime.ts';

const BLANK = String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`;
const BLANKS_AT_START = new RegExp(`^${BLANK}+`);
const BLANK_CHARACTER = new RegExp(BLANK);

/** `str(value)`, as an expression between braces prints it; what has no value prints nothing. */
export function pythonText(value: TemplateValue): string {
  switch (value.type) {
    case 'StringValue':
      return value.value as string;
    case 'UndefinedValue':
      return '';
    default:
      return representation(value);
  }
}

function representation(value: TemplateValue): string {
  switch (value.type) {
    case 'StringValue':
      return quoted(value.value as string);
    case 'NullValue':
      return 'None';
    case 'BooleanValue':
      return value.value === true ? 'True' : 'False';
    case 'IntegerValue':
      return String(value.value);
    case 'FloatValue':
      return pythonFloat(value.value as number);
    case 'ArrayValue':
      return `[${elements(value).map(representation).join(', ')}]`;
    case 'TupleValue': {
      const items = elements(value).map(representation);
      return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
    }
    case 'ObjectValue': {
      const entries = [...fields(value)].map(([key, item]) => `${quoted(key)}: ${representation(item)}`);
      return `{${entries.join(', ')}}`;
    }
    default:
      throw new TypeError(`a ${value.type} printed as text is not modelled here`);
  }
}

export function elements(value: TemplateValue): readonly TemplateValue[] {
  return value.value as TemplateValue[];
}

export function fields(value: TemplateValue): ReadonlyMap<string, TemplateValue> {
  return value.value as Map<string, TemplateValue>;
}

/** `repr` of a float: the shortest digits, an exponent of two digits from 1e16 and below 1e-4. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  const body = text.replace(/[\\'\p{C}\p{Z}]/gu, (character) => {
    const code = character.codePointAt(0)!;
    if (character === ' ') return character;
    if (character === "'") return quote === "'" ? "\\'" : character;
    const hex = code.toString(16);
    if (named[character] !== undefined) return named[character];
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return `${quote}${body}${quote}`;
}

export interface JsonLayout {
  readonly indent: number | undefined;
  readonly ensureAscii: boolean;
  readonly separators: readonly [string, string] | undefined;
  readonly sortKeys: boolean;
}

/** `json.dumps(value, ensure_ascii=False, …)`, the `tojson` of Transformers. */
export function pythonJson(value: TemplateValue, layout: JsonLayout, depth = 0): string {
  const { indent, ensureAscii, sortKeys } = layout;
  const [between, colon] = layout.separators ?? [indent === undefined ? ', ' : ',', ': '];
  const text = (plain: string): string => {
    const json = JSON.stringify(plain);
    if (!ensureAscii) return json;
    return json.replace(/[\x7f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  };
  const put = (open: string, items: readonly string[], close: string): string => {
    if (items.length === 0 || indent === undefined) return open + items.join(between) + close;
    const line = `\n${' '.repeat(indent * (depth + 1))}`;
    return `${open}${line}${items.join(between + line)}\n${' '.repeat(indent * depth)}${close}`;
  };
  switch (value.type) {
    case 'StringValue':
      return text(value.value as string);
    case 'NullValue':
      return 'null';
    case 'BooleanValue':
      return String(value.value);
    case 'IntegerValue':
      return String(value.value);
    case 'FloatValue':
      return pythonFloat(value.value as number);
    case 'ArrayValue':
    case 'TupleValue':
      return put(
        '[',
        elements(value).map((item) => pythonJson(item, layout, depth + 1)),
        ']',
      );
    case 'ObjectValue': {
      const entries = [...fields(value)];
      if (sortKeys) entries.sort(([a], [b]) => compareCodePoints(a, b));
      return put(
        '{',
        entries.map(([key, item]) => text(key) + colon + pythonJson(item, layout, depth + 1)),
        '}',
      );
    }
    default:
      throw new TypeError(`Object of type ${value.type} is not JSON serializable`);
  }
}

function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** `text.strip(characters)`; blanks without `characters`. `sides`: which ends. */
export function strip(text: string, characters: string | undefined, sides: 'both' | 'left' | 'right'): string {
  const set = characters === undefined ? undefined : new Set(characters);
  const isStripped = (character: string): boolean => set?.has(character) ?? BLANK_CHARACTER.test(character);
  const points = [...text];
  let start = 0;
  let end = points.length;
  if (sides !== 'right') while (start < end && isStripped(points[start]!)) start++;
  if (sides !== 'left') while (end > start && isStripped(points[end - 1]!)) end--;
  return points.slice(start, end).join('');
}

/** `text.split()` at blanks, at most `most` times. */
export function splitAtBlanks(text: string, most = -1): string[] {
  const parts: string[] = [];
  let rest = text.replace(BLANKS_AT_START, '');
  while (rest !== '') {
    const at = most >= 0 && parts.length >= most ? -1 : rest.search(BLANK_CHARACTER);
    parts.push(at === -1 ? rest : rest.slice(0, at));
    rest = at === -1 ? '' : rest.slice(at).replace(BLANKS_AT_START, '');
  }
  return parts;
}

export function capitalize(text: string): string {
  const [first = '', ...rest] = text;
  return first.toUpperCase() + rest.join('').toLowerCase();
}

/** Jinja's `title` filter: words begin after blanks, hyphens and opening brackets. */
export function titleWords(text: string): string {
  return text
    .split(/([-\s({[<]+)/u)
    .map(capitalize)
    .join('');
}
