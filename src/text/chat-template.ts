// The Jinja chat template of a checkpoint: messages to the text that the model was tuned on, as apply_chat_template writes it.
import { InputError, QwenPccError } from '../errors.ts';
import { parseJinja, type TemplateNode } from './jinja-runtime.ts';
import { formatTemplateDate, parseTemplateDate } from './template-date.ts';
import { runTemplate } from './template-interpreter.ts';

/** A message as the template sees it: role and content, and whatever else it reads (`name`, `tool_calls`, `reasoning_content`). */
export interface ChatMessage {
  /** `system`, `user`, `assistant` or `tool`; the template decides. */
  readonly role: string;
  /** A text, or parts of type `text`; null is as good as absent. */
  readonly content?: string | readonly ContentPart[] | null | undefined;
  readonly [field: string]: unknown;
}

export interface ContentPart {
  readonly type: 'text';
  readonly text: string;
  readonly [field: string]: unknown;
}

export interface ChatOptions {
  /** Schemas of the functions that the model may call. */
  readonly tools?: readonly object[];
  readonly documents?: readonly object[];
  /** YYYY-MM-DD: what `strftime_now` of a template answers. Without it a template that asks for the date is refused. */
  readonly templateDate?: string | undefined;
}

export interface ChatTemplate {
  /** The conversation with the assistant's turn opened. @throws InputError `CHAT_TEMPLATE_REFUSED` or `CHAT_TEMPLATE_DATE`. */
  render(messages: readonly ChatMessage[], options?: ChatOptions): string;
}

export interface ChatTemplateContext {
  /** Names the file in errors. */
  readonly path: string;
  /** `bos_token`, `eos_token`, … of the tokenizer; only those that are set. */
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** @throws InputError `CHAT_TEMPLATE_SYNTAX` if the source is no template. */
export function createChatTemplate(source: string, { path, specialTokens }: ChatTemplateContext): ChatTemplate {
  const program = parseTemplate(source, path);
  const run = (messages: readonly object[], { tools, documents, templateDate }: ChatOptions): string =>
    runTemplate(program, {
      ...specialTokens,
      messages,
      tools: tools ?? null,
      documents: documents ?? null,
      add_generation_prompt: true,
      strftime_now: (format: string) => formatTemplateDate(dateOf(templateDate, path), format),
      raise_exception: (message: string) => {
        throw new Error(message);
      },
    });
  return {
    render(messages, options = {}) {
      const plain = messages.map(seenByTemplate);
      try {
        return takesParts(plain, () => run(plain, options)) ?? run(plain.map(joinParts), options);
      } catch (cause) {
        if (cause instanceof QwenPccError) throw cause;
        throw new InputError(`${path}: the chat template refuses the messages.`, {
          code: 'CHAT_TEMPLATE_REFUSED',
          facts: { found: (cause as Error).message, roles: messages.map(({ role }) => role).join(', ') },
          hint: 'change the messages, or give the prompt as text or ids',
          cause,
        });
      }
    },
  };
}

function parseTemplate(source: string, path: string): TemplateNode {
  try {
    return parseJinja(source);
  } catch (cause) {
    throw new InputError(`${path}: the chat template cannot be parsed.`, {
      code: 'CHAT_TEMPLATE_SYNTAX',
      facts: { found: (cause as Error).message },
      hint: 'repair the template, or give the prompt as text or ids',
      cause,
    });
  }
}

function dateOf(templateDate: string | undefined, path: string): Date {
  if (templateDate !== undefined) return parseTemplateDate(templateDate);
  throw new InputError(
    `${path}: the chat template writes today's date (strftime_now), which is another one tomorrow.`,
    {
      code: 'CHAT_TEMPLATE_DATE',
      facts: { found: 'no date', wanted: 'a fixed one: two runs have to feed the same tokens' },
      hint: 'add --template-date YYYY-MM-DD, in every run that is compared',
    },
  );
}

/** Fields that are null are left out, and reasoning has the names that templates read it under, as in Transformers. */
function seenByTemplate(message: ChatMessage): Readonly<Record<string, unknown>> {
  const given: Record<string, unknown> = Object.fromEntries(
    Object.entries(message).filter(([, value]) => value != null),
  );
  const reasoning = given['reasoning_content'] ?? given['thinking'] ?? given['reasoning'];
  return reasoning === undefined ? given : { thinking: reasoning, ...given, reasoning_content: reasoning };
}

/** The text of a template that goes through parts itself; undefined where there are none, it prints less than all, or the list itself. */
function takesParts(messages: readonly Readonly<Record<string, unknown>>[], run: () => string): string | undefined {
  const lists = messages.flatMap(({ content }) => (Array.isArray(content) ? [content as ContentPart[]] : []));
  if (lists.length === 0) return undefined;
  try {
    const text = run();
    const isWhole = lists.flat().every((part) => text.includes(part.text.trim()));
    const isListed = lists.some(([first]) => first !== undefined && text.includes(`[{'${Object.keys(first)[0]}': `));
    return isWhole && !isListed ? text : undefined;
  } catch (cause) {
    if (cause instanceof QwenPccError) throw cause;
    return undefined;
  }
}

function joinParts(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { content } = message;
  if (!Array.isArray(content)) return message;
  return { ...message, content: (content as ContentPart[]).map(({ text }) => text).join('\n') };
}
