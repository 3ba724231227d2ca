// Filters and text methods of chat templates that Python and JavaScript do differently.
import type { TemplateValue } from './jinja-runtime.ts';
import { capitalize, pythonJson, pythonText, splitAtBlanks, strip, titleWords } from './python-text.ts';
import { jsonLayout, listItems, made } from './template-values.ts';

export interface TemplateArguments {
  readonly listed: readonly TemplateValue[];
  readonly named: ReadonlyMap<string, TemplateValue>;
}

export const NO_ARGUMENTS: TemplateArguments = { listed: [], named: new Map() };
/** Those below that read arguments. */
export const FILTERS_WITH_ARGUMENTS: ReadonlySet<string> = new Set(['trim', 'join', 'default', 'tojson']);
export const TEXT_METHODS: ReadonlySet<string> = new Set(['strip', 'lstrip', 'rstrip', 'capitalize', 'title', 'split']);

/** @returns undefined where @huggingface/jinja does as Jinja2 does. @throws TypeError for what is not modelled. */
export function applyFilter(
  name: string,
  operand: TemplateValue,
  { listed, named }: TemplateArguments,
): TemplateValue | undefined {
  const isUndefined = operand.type === 'UndefinedValue';
  switch (name) {
    case 'string':
      return made(pythonText(operand));
    case 'trim':
      return made(strip(pythonText(operand), (listed[0] ?? named.get('chars'))?.value as string | undefined, 'both'));
    case 'capitalize':
      return made(capitalize(pythonText(operand)));
    case 'title':
      return made(titleWords(pythonText(operand)));
    case 'length':
    case 'count':
      if (operand.type === 'StringValue') return made([...(operand.value as string)].length);
      return isUndefined ? made(0) : undefined;
    case 'join': {
      if (named.has('attribute') || listed.length > 1) return undefined;
      const separator = listed[0] ?? named.get('d');
      const texts = listItems(operand).map(pythonText);
      return made(texts.join(separator === undefined ? '' : pythonText(separator)));
    }
    case 'default':
      if (named.has('default_value')) throw new TypeError('default(default_value=…) is not modelled here');
      return undefined;
    case 'list':
      return isUndefined ? made([]) : undefined;
    case 'dictsort':
      throw new TypeError('dictsort is not modelled here');
    case 'int':
      return operand.type === 'FloatValue' ? made(Math.trunc(operand.value as number)) : undefined;
    case 'tojson':
      if (listed.length > 0) throw new TypeError('tojson with arguments that have no name is not modelled here');
      return made(pythonJson(operand, jsonLayout(named)));
    default:
      return undefined;
  }
}

/** `text.name(…)`. @returns undefined where @huggingface/jinja does as Python does. */
export function callOnText(
  text: string,
  name: string,
  { listed, named }: TemplateArguments,
): TemplateValue | undefined {
  const keyword = named.keys().next();
  if (keyword.done !== true) throw new TypeError(`${name}(${keyword.value}=…) is not modelled here`);
  const characters = listed[0]?.value as string | undefined;
  switch (name) {
    case 'strip':
      return made(strip(text, characters, 'both'));
    case 'lstrip':
      return made(strip(text, characters, 'left'));
    case 'rstrip':
      return made(strip(text, characters, 'right'));
    case 'capitalize':
      return made(capitalize(text));
    case 'title':
      throw new TypeError('title() of a text is not modelled here; its filter is');
    case 'split': {
      const [separator, most] = listed;
      const isAtBlanks = separator === undefined || separator.type === 'NullValue';
      return isAtBlanks ? made(splitAtBlanks(text, (most?.value ?? -1) as number)) : undefined;
    }
    default:
      return undefined;
  }
}
