// Where a folder keeps its chat template: chat_template.jinja, chat_templates/*.jinja, or the entry of tokenizer_config.json.
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { readTextFile, type TokenizerFiles } from './tokenizer-files.ts';

export interface ChatTemplateFile {
  readonly source: string;
  /** The file that holds it. */
  readonly path: string;
}

/**
 * The template that Transformers takes: files of their own before the config's entry, `tool_use` where there are tools.
 *
 * @throws InputError `CHAT_TEMPLATE_MISSING`.
 */
export function findChatTemplate(files: TokenizerFiles, wantsTools: boolean): ChatTemplateFile {
  const { folder, config } = files;
  const named = folder === undefined ? new Map<string, ChatTemplateFile>() : templateFiles(folder);
  if (named.size === 0) {
    const path = folder === undefined ? files.path : join(folder, 'tokenizer_config.json');
    const entry = config.chat_template;
    if (typeof entry === 'string') return { source: entry, path };
    for (const { name, template } of entry ?? []) named.set(name, { source: template, path });
  }
  const chosen = (wantsTools ? named.get('tool_use') : undefined) ?? named.get('default');
  if (chosen !== undefined) return chosen;
  throw new InputError(`${folder ?? files.path}: the tokenizer has no chat template, but a prompt has messages.`, {
    code: 'CHAT_TEMPLATE_MISSING',
    facts: {
      found: [...named.keys()].join(', ') || 'none',
      wanted: 'chat_template.jinja, or chat_template in tokenizer_config.json',
    },
    hint: 'use an instruct checkpoint, or give the prompt as text',
  });
}

function templateFiles(folder: string): Map<string, ChatTemplateFile> {
  const named = new Map<string, ChatTemplateFile>();
  const files: [string, string][] = [
    ['default', 'chat_template.jinja'],
    ['tool_use', 'chat_templates/tool_use.jinja'],
  ];
  for (const [name, file] of files) {
    const path = join(folder, file);
    const source = readTextFile(path);
    if (source !== undefined) named.set(name, { source, path });
  }
  return named;
}
