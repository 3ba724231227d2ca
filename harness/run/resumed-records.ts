// The records that a resumed run finds in its folder: which prompts need not run again, and whether the rest repeats.
import { ComparisonInvalidError } from '../../src/errors.ts';
import type { DecodingMode } from '../record/run-record.ts';
import { formatTokenLine, type TokenKey, type TokenRecord } from '../record/token-record.ts';

interface PlannedNames {
  readonly mode: DecodingMode;
  readonly cases: readonly { readonly name: string; readonly prompts: readonly { readonly name: string }[] }[];
}

export class ResumedRecords {
  private readonly byPrompt: Map<string, TokenRecord[]> = new Map();
  private readonly skippable: ReadonlySet<string>;

  constructor(plan: PlannedNames, records: readonly TokenRecord[]) {
    for (const record of records) {
      const key = promptKey(record.variant, record.prompt);
      const group = this.byPrompt.get(key);
      if (group === undefined) this.byPrompt.set(key, [record]);
      else group.push(record);
    }
    this.skippable = new Set(this.findSkippable(plan));
  }

  /** Whether the folder has all of a prompt and no later row needs it. */
  isSkippable(variant: string, prompt: string): boolean {
    return this.skippable.has(promptKey(variant, prompt));
  }

  /** Records of a prompt, in order of position. */
  of(variant: string, prompt: string): readonly TokenRecord[] {
    return this.byPrompt.get(promptKey(variant, prompt)) ?? [];
  }

  has({ variant, prompt, position }: TokenKey): boolean {
    return position < this.of(variant, prompt).length;
  }

  /**
   * @returns the folder's record of this token, or the one given if the folder has none.
   * @throws ComparisonInvalidError RESUME_DIFFERS when both exist and differ in more than time, evidence and controls (whose rows
   *   may lie before the point of resumption).
   */
  settle(record: TokenRecord): TokenRecord {
    const before = this.of(record.variant, record.prompt)[record.position];
    if (before === undefined) return record;
    if (comparable(before) === comparable(record)) return before;
    throw new ComparisonInvalidError('the resumed run does not repeat what the run folder has.', {
      code: 'RESUME_DIFFERS',
      facts: {
        token: `${record.variant} › ${record.prompt} › position ${record.position}`,
        recorded: `token ${before.inputToken.golden}, PCC ${before.pcc}`,
        'this run': `token ${record.inputToken.golden}, PCC ${record.pcc}`,
      },
      hint: 'this machine or version computes other numbers; start a new run.',
    });
  }

  /** All but the last two prompts with records; a free text's end is not in its records, so free runs skip nothing. */
  private findSkippable({ cases, mode }: PlannedNames): string[] {
    if (mode === 'freeRunning') return [];
    const keys = cases.flatMap(({ name, prompts }) => prompts.map((prompt) => promptKey(name, prompt.name)));
    return keys.filter((key) => this.byPrompt.has(key)).slice(0, -2);
  }
}

function promptKey(variant: string, prompt: string): string {
  return JSON.stringify([variant, prompt]);
}

const NO_CONTROLS = { pccPreviousGolden: null, pccUnrelatedGolden: null };

function comparable(record: TokenRecord): string {
  return formatTokenLine({
    ...record,
    timing: { goldenMs: 0, actualMs: 0, compareMs: 0 },
    evidence: null,
    controls: NO_CONTROLS,
  });
}
