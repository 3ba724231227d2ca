// Special tokens that tokenizer.json's post-processor puts around a text, e.g. the BOS of a distilled Qwen2.
import { z } from 'zod';
import { InputError } from '../errors.ts';

/** Ids of a text to the ids that are fed. */
export type PostProcessor = (ids: readonly number[]) => number[];

const id = z.int().nonnegative();
const piece = z.union([
  z.strictObject({ SpecialToken: z.looseObject({ id: z.string() }) }),
  z.strictObject({ Sequence: z.looseObject({ id: z.enum(['A', 'B']) }) }),
]);
const around = z.looseObject({
  type: z.enum(['BertProcessing', 'RobertaProcessing']),
  sep: z.tuple([z.string(), id]),
  cls: z.tuple([z.string(), id]),
});
const template = z.looseObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(piece),
  special_tokens: z.record(z.string(), z.looseObject({ ids: z.array(id) })),
});
const sequence = z.looseObject({ type: z.literal('Sequence'), processors: z.array(z.unknown()) });
const nothing = z.looseObject({ type: z.literal('ByteLevel') });
const schema = z.discriminatedUnion('type', [around, template, sequence, nothing]);

/** @param json - `post_processor` of tokenizer.json. @throws InputError `TOKENIZER_UNSUPPORTED`. */
export function createPostProcessor(json: unknown, path: string): PostProcessor {
  if (json == null) return (ids) => [...ids];
  const result = schema.safeParse(json);
  if (!result.success) throw unsupported(json, path, result.error);
  const processor = result.data;
  switch (processor.type) {
    case 'ByteLevel':
      return (ids) => [...ids];
    case 'Sequence': {
      const steps = processor.processors.map((step) => createPostProcessor(step, path));
      return (ids) => steps.reduce((before, step) => step(before), [...ids]);
    }
    case 'TemplateProcessing': {
      const { single, special_tokens: tokens } = processor;
      const missing = single.find((item) => 'SpecialToken' in item && tokens[item.SpecialToken.id] === undefined);
      if (missing !== undefined) throw unsupported(json, path, undefined);
      return (ids) =>
        single.flatMap((item) =>
          'SpecialToken' in item ? tokens[item.SpecialToken.id]!.ids : item.Sequence.id === 'A' ? ids : [],
        );
    }
    default:
      return (ids) => [processor.cls[1], ...ids, processor.sep[1]];
  }
}

function unsupported(json: unknown, path: string, cause: unknown): InputError {
  return new InputError(`${path}: the post-processor is not modelled here.`, {
    code: 'TOKENIZER_UNSUPPORTED',
    facts: {
      found: JSON.stringify(json).slice(0, 80),
      wanted: 'TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel or a Sequence of them',
    },
    hint: 'give prompts as ids, made by the tokenizer that the model is used with',
    ...(cause === undefined ? {} : { cause }),
  });
}
