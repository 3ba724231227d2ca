// Values inside a chat template, by Python's rules: what can be gone through, what is equal, what contains what.
import { Environment, type TemplateValue } from './jinja-runtime.ts';
import { elements, fields, type JsonLayout, pythonText } from './python-text.ts';

/** Only its conversion is used. */
const scratch = new Environment();

/** A value of the template made of a plain one. */
export function made(plain: unknown): TemplateValue {
  const value = scratch.set('made', plain);
  scratch.variables.delete('made');
  return value;
}

/** @throws TypeError for a value that cannot be gone through. */
export function listItems(value: TemplateValue): readonly TemplateValue[] {
  switch (value.type) {
    case 'ArrayValue':
    case 'TupleValue':
      return elements(value);
    case 'ObjectValue':
      return [...fields(value).keys()].map(made);
    case 'StringValue':
      return [...(value.value as string)].map(made);
    case 'UndefinedValue':
      return [];
    default:
      throw new TypeError(`a ${value.type} cannot be gone through`);
  }
}

/** `loop` of a round. */
export function loopVariable(items: readonly TemplateValue[], i: number): TemplateValue {
  const { length } = items;
  const plain = {
    index: i + 1,
    index0: i,
    revindex: length - i,
    revindex0: length - i - 1,
    first: i === 0,
    last: i === length - 1,
    length,
  };
  const loop = made(plain);
  const entries = loop.value as Map<string, TemplateValue>;
  entries.set('previtem', items[i - 1] ?? made(undefined));
  entries.set('nextitem', items[i + 1] ?? made(undefined));
  return loop;
}

/** `a == b`. */
export function isEqual(a: TemplateValue, b: TemplateValue): boolean {
  const isNumeric = (value: TemplateValue): boolean =>
    ['IntegerValue', 'FloatValue', 'BooleanValue'].includes(value.type);
  const isList = (value: TemplateValue): boolean => value.type === 'ArrayValue' || value.type === 'TupleValue';
  if (isNumeric(a) && isNumeric(b)) return Number(a.value) === Number(b.value);
  if (isList(a) && isList(b)) {
    const [left, right] = [elements(a), elements(b)];
    return left.length === right.length && left.every((item, i) => isEqual(item, right[i]!));
  }
  if (a.type !== b.type) return false;
  if (a.type !== 'ObjectValue') return a.value === b.value;
  const [left, right] = [fields(a), fields(b)];
  return left.size === right.size && [...left].every(([key, item]) => right.has(key) && isEqual(item, right.get(key)!));
}

/** What `tojson` was given by name. */
export function jsonLayout(named: ReadonlyMap<string, TemplateValue>): JsonLayout {
  const known = ['indent', 'ensure_ascii', 'separators', 'sort_keys'];
  const unknown = [...named.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`tojson(${unknown}=…) is not modelled here`);
  const indent = named.get('indent')?.value;
  const separators = named.get('separators');
  return {
    indent: typeof indent === 'number' ? indent : undefined,
    ensureAscii: named.get('ensure_ascii')?.value === true,
    separators:
      separators === undefined || separators.type === 'NullValue'
        ? undefined
        : (elements(separators).map(pythonText) as [string, string]),
    sortKeys: named.get('sort_keys')?.value === true,
  };
}

/** `item in container`. @throws TypeError for a container that is none. */
export function isMember(item: TemplateValue, container: TemplateValue): boolean {
  if (container.type === 'StringValue' && item.type === 'StringValue') {
    return (container.value as string).includes(item.value as string);
  }
  if (container.type === 'StringValue') throw new TypeError(`a ${item.type} cannot be in a text`);
  return listItems(container).some((candidate) => isEqual(candidate, item));
}
