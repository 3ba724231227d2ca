// Runs a chat template as Jinja2 does in Transformers' sandbox: Python's rules where @huggingface/jinja has JavaScript's, and bounded.
import {
  Environment,
  Interpreter,
  type TemplateNode as Node,
  type TemplateScope,
  type TemplateValue,
} from './jinja-runtime.ts';
import { fields, pythonText } from './python-text.ts';
import {
  applyFilter,
  callOnText,
  FILTERS_WITH_ARGUMENTS,
  NO_ARGUMENTS,
  TEXT_METHODS,
  type TemplateArguments,
} from './template-filters.ts';
import { isEqual, isMember, listItems, loopVariable, made } from './template-values.ts';

/** Expressions and rounds; a chat of 10,000 messages takes about 300,000. */
const STEPS_MAX = 1_000_000;
/** Characters of a text, or elements of a list: more than any model reads. */
const SIZE_MAX = 16_000_000;
const NESTING_MAX = 500;
/** As Jinja2's sandbox has it (MAX_RANGE). */
const RANGE_MAX = 100_000;

/** Nodes that print nothing of their own value. */
const SILENT = new Set([
  'Set',
  'If',
  'For',
  'Macro',
  'CallStatement',
  'FilterStatement',
  'Break',
  'Continue',
  'Comment',
]);
const DICT_METHODS = new Set([
  'clear',
  'copy',
  'fromkeys',
  'get',
  'items',
  'keys',
  'pop',
  'popitem',
  'setdefault',
  'update',
  'values',
]);

class LoopControl extends Error {
  readonly kind: 'Break' | 'Continue';

  constructor(kind: 'Break' | 'Continue') {
    super(`${kind} outside a loop`);
    this.kind = kind;
  }
}

/** @param variables - plain values that the template sees. @throws Error with the reason. */
export function runTemplate(program: Node, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  const constants = { true: true, false: false, none: null, True: true, False: false, None: null };
  const globals = { ...constants, range, ...NOT_MODELLED, ...variables };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  return pythonText(new TemplateInterpreter(environment, program).run(program));
}

/** Functions of Jinja2 that exist there: a template that asks whether they do must not hear no. */
const NOT_MODELLED = Object.fromEntries(
  ['dict', 'cycler', 'joiner', 'lipsum'].map((name) => [
    name,
    () => {
      throw new TypeError(`${name}() is not modelled here`);
    },
  ]),
);

function range(...bounds: number[]): number[] {
  const [start, stop, step = 1] = bounds.length === 1 ? [0, bounds[0]!] : bounds;
  const count = Math.max(0, Math.ceil((stop! - start!) / step));
  if (!(count <= RANGE_MAX)) throw new RangeError(`range of ${count} elements, at most ${RANGE_MAX}`);
  return Array.from({ length: count }, (_, i) => start! + i * step);
}

class TemplateInterpreter extends Interpreter {
  #steps = 0;
  #depth = 0;
  #printed = 0;
  readonly #prints = new Set<Node>();

  constructor(environment: TemplateScope, program: Node) {
    super(environment);
    this.#findPrinting(program);
  }

  override evaluate(statement: Node | undefined, environment: TemplateScope): TemplateValue {
    if (statement === undefined) return super.evaluate(statement, environment);
    this.#step();
    if (++this.#depth > NESTING_MAX) throw new RangeError(`expressions nested deeper than ${NESTING_MAX}`);
    try {
      const value = this.#evaluate(statement, environment);
      const size = typeof value?.value === 'string' || Array.isArray(value?.value) ? value.value.length : 0;
      if (size > SIZE_MAX) throw new RangeError(`a text or list of ${size} elements, at most ${SIZE_MAX}`);
      if (!this.#prints.has(statement)) return value;
      const text = pythonText(value);
      this.#printed += text.length;
      return made(text);
    } finally {
      this.#depth--;
    }
  }

  #step(): void {
    if (++this.#steps > STEPS_MAX) throw new RangeError(`more than ${STEPS_MAX} steps`);
  }

  #findPrinting(node: Node): void {
    for (const block of [node.body, node.defaultBlock, node.alternate]) {
      for (const child of block ?? []) {
        if (!SILENT.has(child.type)) this.#prints.add(child);
        this.#findPrinting(child);
      }
    }
  }

  #evaluate(node: Node, environment: TemplateScope): TemplateValue {
    switch (node.type) {
      case 'Evaluated':
        return node.value as TemplateValue;
      case 'Break':
      case 'Continue':
        throw new LoopControl(node.type);
      case 'For':
        return made(this.#runLoop(node, environment));
      case 'BinaryExpression':
        return this.#combine(node, environment);
      case 'CallExpression':
        return this.#call(node, environment);
      case 'MemberExpression':
        return this.#member(node, environment);
      case 'FilterExpression':
        return this.#filter(node, environment);
      case 'TestExpression':
        return this.#test(node, environment);
      default:
        return super.evaluate(node, environment);
    }
  }

  /** Each round has a scope of its own, as in Jinja2: what is set in one is unknown in the next. */
  #runLoop(node: Node, environment: TemplateScope): string {
    const { iterable, loopvar, body = [], defaultBlock = [] } = node;
    const test = iterable!.type === 'SelectExpression' ? iterable!.test : undefined;
    const items = listItems(this.evaluate(test === undefined ? iterable : iterable!.lhs, environment));
    const roundOf = (item: TemplateValue): TemplateScope => {
      const scope = new Environment(environment);
      bind(loopvar!, item, scope);
      return scope;
    };
    const chosen = items.filter((item) => {
      this.#step();
      return test === undefined || this.evaluate(test, roundOf(item)).__bool__().value;
    });
    let text = '';
    let isThrough = false;
    for (const [i, item] of chosen.entries()) {
      this.#step();
      const scope = roundOf(item);
      scope.setVariable('loop', loopVariable(chosen, i));
      const printed = this.#printed;
      try {
        text += this.#print(body, scope);
        isThrough = true;
      } catch (error) {
        if (!(error instanceof LoopControl)) throw error;
        if (this.#printed !== printed)
          throw new TypeError(`${error.kind.toLowerCase()} after output is not modelled here`);
        if (error.kind === 'Break') break;
      }
      if (text.length > SIZE_MAX) throw new RangeError(`a text of ${text.length} characters, at most ${SIZE_MAX}`);
    }
    // As in Jinja2: `else` also where no round came to its end.
    return isThrough ? text : text + this.#print(defaultBlock, environment);
  }

  #print(block: readonly Node[], environment: TemplateScope): string {
    let text = '';
    for (const child of block) {
      const value = this.evaluate(child, environment);
      if (value.type === 'StringValue') text += value.value as string;
    }
    return text;
  }

  #combine(node: Node, environment: TemplateScope): TemplateValue {
    const operator = node.operator!.value;
    if (operator === 'and' || operator === 'or') return super.evaluate(node, environment);
    const left = this.evaluate(node.left, environment);
    const right = this.evaluate(node.right, environment);
    switch (operator) {
      case '==':
        return made(isEqual(left, right));
      case '!=':
        return made(!isEqual(left, right));
      case '~':
        return made(pythonText(left) + pythonText(right));
      case '+':
        if ((left.type === 'StringValue') !== (right.type === 'StringValue')) {
          throw new TypeError(`can only concatenate text to text, not ${left.type} + ${right.type}`);
        }
        break;
      case 'in':
        return made(isMember(left, right));
      case 'not in':
        return made(!isMember(left, right));
      case '%':
        if (left.type === 'IntegerValue' && right.type === 'IntegerValue') {
          const [a, b] = [left.value as number, right.value as number];
          return made(((a % b) + b) % b);
        }
    }
    return super.evaluate({ ...node, left: evaluated(left), right: evaluated(right) }, environment);
  }

  #call(node: Node, environment: TemplateScope): TemplateValue {
    const callee = node.callee!;
    if (callee.type !== 'MemberExpression' || callee.computed === true) return super.evaluate(node, environment);
    const object = this.evaluate(callee.object, environment);
    const name = callee.property!.value as string;
    if (object.type === 'StringValue' && TEXT_METHODS.has(name)) {
      const args = this.#arguments(node.args ?? [], environment);
      const own = callOnText(object.value as string, name, args);
      if (own !== undefined) return own;
    }
    if (object.type === 'ObjectValue' && name === 'items') return this.#pairs(object, environment);
    if (object.type === 'ObjectValue' && DICT_METHODS.has(name) && fields(object).has(name)) {
      // The method, not the entry of that name, as in Python: `properties.keys()` of a schema that has a field "keys".
      const method = object.builtins.get(name);
      if (method?.type !== 'FunctionValue') throw new TypeError(`${name}() is not modelled here`);
      const call = method.value as (args: TemplateValue[], scope: TemplateScope) => TemplateValue;
      return call(
        (node.args ?? []).map((argument) => this.evaluate(argument, environment)),
        environment,
      );
    }
    return super.evaluate({ ...node, callee: { ...callee, object: evaluated(object) } }, environment);
  }

  /** Keys and values as tuples, which print otherwise than lists. */
  #pairs(object: TemplateValue, environment: TemplateScope): TemplateValue {
    const pairs = [...fields(object)].map(([key, value]) => {
      const pair = [evaluated(made(key)), evaluated(value)];
      return evaluated(this.evaluate({ type: 'TupleLiteral', value: pair }, environment));
    });
    return this.evaluate({ type: 'ArrayLiteral', value: pairs }, environment);
  }

  #member(node: Node, environment: TemplateScope): TemplateValue {
    const object = this.evaluate(node.object, environment);
    if (object.type === 'UndefinedValue') throw new TypeError('a field of something that is undefined');
    const name = node.computed === true ? undefined : node.property!.value;
    if (name === 'length' && object.type !== 'ObjectValue' && object.type !== 'NamespaceValue') return made(undefined);
    if (
      object.type === 'ObjectValue' &&
      typeof name === 'string' &&
      DICT_METHODS.has(name) &&
      fields(object).has(name)
    ) {
      throw new TypeError(
        `the method ${name} of a mapping as a value is not modelled here; its entry is written ['${name}']`,
      );
    }
    if (object.type === 'StringValue' && node.computed === true && node.property!.type !== 'SliceExpression') {
      const index = this.evaluate(node.property, environment);
      if (index.type === 'IntegerValue') return made([...(object.value as string)].at(index.value as number));
    }
    return super.evaluate({ ...node, object: evaluated(object) }, environment);
  }

  #filter(node: Node, environment: TemplateScope): TemplateValue {
    const operand = this.evaluate(node.operand, environment);
    const filter = node.filter!;
    const name = (filter.type === 'CallExpression' ? filter.callee!.value : filter.value) as string;
    if (name === 'items' && operand.type === 'ObjectValue') return this.#pairs(operand, environment);
    const args = FILTERS_WITH_ARGUMENTS.has(name) ? this.#arguments(filter.args ?? [], environment) : NO_ARGUMENTS;
    const own = applyFilter(name, operand, args);
    return own ?? super.evaluate({ ...node, operand: evaluated(operand) }, environment);
  }

  #arguments(args: readonly Node[], environment: TemplateScope): TemplateArguments {
    const listed: TemplateValue[] = [];
    const named = new Map<string, TemplateValue>();
    for (const argument of args) {
      if (argument.type !== 'KeywordArgumentExpression') listed.push(this.evaluate(argument, environment));
      else named.set(argument.key!.value, this.evaluate(argument.value as Node, environment));
    }
    return { listed, named };
  }

  #test(node: Node, environment: TemplateScope): TemplateValue {
    const operand = this.evaluate(node.operand, environment);
    const is = (result: boolean): TemplateValue => made(node.negate === true ? !result : result);
    switch (node.test!.value) {
      case 'iterable':
      case 'sequence':
        return is(['ArrayValue', 'TupleValue', 'StringValue', 'ObjectValue', 'UndefinedValue'].includes(operand.type));
      case 'number':
        return is(['IntegerValue', 'FloatValue', 'BooleanValue'].includes(operand.type));
      default:
        return super.evaluate({ ...node, operand: evaluated(operand) }, environment);
    }
  }
}

/** A node that stands for a value that is already there, so that nothing is evaluated twice. */
function evaluated(value: TemplateValue): Node {
  return { type: 'Evaluated', value };
}

function bind(target: Node, item: TemplateValue, scope: TemplateScope): void {
  if (target.type === 'Identifier') {
    scope.setVariable(target.value as string, item);
    return;
  }
  const names = target.value as readonly Node[];
  const items = listItems(item);
  if (names.length !== items.length) throw new TypeError(`${items.length} values for ${names.length} names`);
  for (const [i, name] of names.entries()) bind(name, items[i]!, scope);
}
