// Which qwen-pcc wrote a file.
import { z } from 'zod';

export interface ToolInfo {
  readonly name: string;
  readonly version: string;
  readonly gitSha: string | null;
}

export const ToolInfoSchema: z.ZodType<ToolInfo, unknown> = z.strictObject({
  name: z.string(),
  version: z.string(),
  gitSha: z.string().nullable(),
});
