// The Jinja chat template of a checkpoint: messages to the text that the model was tuned on.
import { Template } from '@huggingface/jinja';
import { InputError } from '../errors.ts';

export interface ChatMessage {
  /** `system`, `user` or `assistant`; the template decides. */
  readonly role: string;
  readonly content: string;
}

export interface ChatTemplate {
  /** The conversation with the assistant's turn opened. @throws InputError `CHAT_TEMPLATE_REFUSED`. */
  render(messages: readonly ChatMessage[]): string;
}

export interface ChatTemplateContext {
  /** Names the file in errors. */
  readonly path: string;
  readonly bosToken: string;
  readonly eosToken: string;
}

/** @throws InputError `CHAT_TEMPLATE_SYNTAX` if the source is no template. */
export function createChatTemplate(source: string, { path, bosToken, eosToken }: ChatTemplateContext): ChatTemplate {
  let template: Template;
  try {
    template = new Template(source);
  } catch (cause) {
    throw new InputError(`${path}: the chat template cannot be parsed.`, {
      code: 'CHAT_TEMPLATE_SYNTAX',
      facts: { found: (cause as Error).message },
      cause,
    });
  }
  return {
    render(messages) {
      try {
        return template.render({
          messages,
          add_generation_prompt: true,
          bos_token: bosToken,
          eos_token: eosToken,
        });
      } catch (cause) {
        throw new InputError(`${path}: the chat template refuses the messages.`, {
          code: 'CHAT_TEMPLATE_REFUSED',
          facts: { found: (cause as Error).message, roles: messages.map(({ role }) => role).join(', ') },
          cause,
        });
      }
    },
  };
}
