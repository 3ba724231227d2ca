// What is used of @huggingface/jinja's runtime, typed here: its own declarations cannot be resolved as an ES module's.
import * as jinja from '@huggingface/jinja';

/** A value inside a template. */
export interface TemplateValue {
  readonly type: TemplateValueType;
  readonly value: unknown;
  readonly builtins: ReadonlyMap<string, TemplateValue>;
  __bool__(): { readonly value: boolean };
}

export type TemplateValueType =
  | 'StringValue'
  | 'IntegerValue'
  | 'FloatValue'
  | 'BooleanValue'
  | 'NullValue'
  | 'UndefinedValue'
  | 'ArrayValue'
  | 'TupleValue'
  | 'ObjectValue'
  | 'NamespaceValue'
  | 'FunctionValue';

/** A part of a parsed template; which fields are there depends on `type`. */
export interface TemplateNode {
  readonly type: string;
  readonly value?: unknown;
  readonly operator?: { readonly value: string };
  readonly left?: TemplateNode;
  readonly right?: TemplateNode;
  readonly callee?: TemplateNode;
  readonly args?: readonly TemplateNode[];
  readonly key?: { readonly value: string };
  readonly object?: TemplateNode;
  readonly property?: TemplateNode;
  readonly computed?: boolean;
  readonly operand?: TemplateNode;
  readonly filter?: TemplateNode;
  readonly test?: TemplateNode;
  readonly negate?: boolean;
  readonly iterable?: TemplateNode;
  readonly lhs?: TemplateNode;
  readonly loopvar?: TemplateNode;
  readonly body?: readonly TemplateNode[];
  readonly defaultBlock?: readonly TemplateNode[];
  readonly alternate?: readonly TemplateNode[];
}

/** Names and their values, with those around them. */
export interface TemplateScope {
  /** Declares a plain value and answers what it becomes. */
  set(name: string, plain: unknown): TemplateValue;
  readonly variables: Map<string, TemplateValue>;
  setVariable(name: string, value: TemplateValue): TemplateValue;
}

interface JinjaInterpreter {
  run(program: TemplateNode): TemplateValue;
  evaluate(node: TemplateNode | undefined, scope: TemplateScope): TemplateValue;
}

const runtime = jinja as unknown as {
  readonly Environment: new (parent?: TemplateScope) => TemplateScope;
  readonly Interpreter: new (scope: TemplateScope) => JinjaInterpreter;
  readonly Template: new (source: string) => { readonly parsed: TemplateNode };
};

export const Environment: new (parent?: TemplateScope) => TemplateScope = runtime.Environment;
export const Interpreter: new (scope: TemplateScope) => JinjaInterpreter = runtime.Interpreter;

/** @throws Error where the source is no template. */
export function parseJinja(source: string): TemplateNode {
  // Transformers' own tags mark what the assistant wrote; they print their body. Jinja2 reads all line ends as \n.
  const plain = source
    .replace(/\r\n?/g, '\n')
    .replace(/\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}/g, (_, left, end, right) =>
      end === undefined ? `{%${left} if true ${right}%}` : `{%${left} endif ${right}%}`,
    );
  return new runtime.Template(plain).parsed;
}
