// The league of a comparison: every entrant's three differences, and the words that paired statistics allow about it and the base.
import { DEFAULT_RESAMPLING, type Resampling } from '../../paired/bootstrap.ts';
import { joinedWord } from '../../paired/joined-word.ts';
import { type Comparison, type JudgedComparison, judgeLeague } from '../../paired/league.ts';
import { differenceOf, type PairedDifference } from '../../paired/paired-difference.ts';
import { KL, LOG_KL, LOG_P, logKl, type PairedMetric, TOP1 } from '../../paired/paired-metrics.ts';
import type { PairedSample } from '../../paired/paired-sample.ts';
import { classicalTests, countDiscordant, type PerplexityRatio, perplexityRatio } from '../../paired/side-notes.ts';
import { type VerdictWord, verdictText } from '../../paired/verdict.ts';
import type { Entrant } from './entrants.ts';
import { type DifferenceSummary, type Interaction, interactionOf, summarise } from './summaries.ts';
import { pairedColumns, type TokenColumns } from './token-columns.ts';

/** Below which differences do not matter. */
export interface Margins {
  /** Mean KL, nat. */
  readonly klNats: number;
  /** Share of tokens with golden's choice. */
  readonly top1: number;
}

export const DEFAULT_MARGINS: Margins = { klNats: KL.margin, top1: TOP1.margin };

/** One metric of an entrant against the base's. */
export interface MetricReading extends PairedDifference {
  readonly text: string;
  /** What counted as independent, and whom the word speaks for. */
  readonly method: string | null;
}

/** Tests that readers know, beside the words and never deciding one: they take independent tokens, or symmetry, for granted. */
export interface ClassicalReadings {
  /** What was flipped and ranked: means of KL differences of prompts, or of blocks of a single one. */
  readonly unit: 'prompts' | 'blocks';
  readonly signFlipP: number;
  readonly wilcoxonP: number | null;
  /** Tokens whose choice is golden's by the entrant alone and by the base alone, and McNemar's p of them. */
  readonly gained: number;
  readonly lost: number;
  readonly mcNemarP: number;
}

export interface LeagueRow {
  readonly label: string;
  readonly model: string;
  /** Q, D and T; null where there is none. */
  readonly checkpoint: DifferenceSummary | null;
  readonly device: DifferenceSummary | null;
  readonly total: DifferenceSummary;
  readonly interaction: Interaction | null;
  /** Perplexity of the text by the entrant over that by the base, 95 %. */
  readonly perplexityRatio: PerplexityRatio | null;
  /** Null for the base, and where a row has no numbers. */
  readonly classical: ClassicalReadings | null;
  /** `base` for the base itself. */
  readonly word: VerdictWord | 'base';
  /** The word with its reason. */
  readonly text: string;
  readonly readings: readonly MetricReading[];
}

export interface League {
  readonly rows: readonly LeagueRow[];
  readonly tokens: number;
  /** Those that every entrant has whole; no other counts for any. */
  readonly prompts: readonly string[];
}

export interface LeagueOptions {
  readonly margins?: Margins;
  readonly resampling?: Resampling;
}

/**
 * @param entrants - of `entrantsOf`; without a base among them (no device), the base is its own reference: no difference at all.
 * @param columnsOf - of a variant by its name; undefined if it has no token.
 */
export function judgeEntrants(
  entrants: readonly Entrant[],
  columnsOf: (variant: string) => TokenColumns | undefined,
  { margins = DEFAULT_MARGINS, resampling = DEFAULT_RESAMPLING }: LeagueOptions = {},
): League {
  const names = [
    ...new Set(entrants.flatMap(({ checkpoint, device, total }) => [checkpoint ?? [], device ?? [], total].flat())),
  ];
  const present = names.filter((name) => columnsOf(name) !== undefined);
  const columns = pairedColumns(present.map((name) => columnsOf(name)!));
  const paired = new Map(present.map((name, i) => [name, columns[i]!]));
  const judged = entrants.filter(({ total }) => paired.has(total));
  const base = judged.find(({ isBase }) => isBase);
  // A base that has no rows is no perfect one.
  if (base === undefined && entrants.some(({ isBase }) => isBase)) return { rows: [], tokens: 0, prompts: [] };
  const baseColumns = base === undefined ? undefined : paired.get(base.total)!;
  const others = judged.filter((entrant) => entrant !== base);
  const metrics = [{ ...KL, margin: margins.klNats }, LOG_KL, { ...TOP1, margin: margins.top1 }];
  const comparisons = others.flatMap((entrant) =>
    metrics.map((metric): Comparison => {
      return {
        name: entrant.label,
        metric,
        sample: sampleOf(metric, paired.get(entrant.total)!, baseColumns, margins),
      };
    }),
  );
  const readings = judgeLeague(comparisons, resampling);
  const rows = judged.map((entrant): LeagueRow => {
    const own = readings.filter((_, i) => others[Math.floor(i / metrics.length)] === entrant);
    return rowOf(entrant, (name) => paired.get(name), own, baseColumns, { margins, resampling });
  });
  const [first] = columns;
  return { rows, tokens: first?.position.length ?? 0, prompts: first?.prompts.map(({ id }) => id) ?? [] };
}

/** A token's number of a side; of the base without a device, which is golden itself, `perfect`. */
const VALUE_OF: Readonly<
  Record<
    string,
    { readonly of: (columns: TokenColumns, at: number, margins: Margins) => number; readonly perfect: number }
  >
> = {
  [KL.name]: { of: ({ kl }, at) => kl[at]!, perfect: 0 },
  [LOG_KL.name]: {
    of: ({ kl }, at, { klNats }) => logKl(kl[at]!, klNats),
    perfect: 0,
  },
  [TOP1.name]: { of: ({ hit }, at) => hit[at]!, perfect: 1 },
  [LOG_P.name]: { of: ({ logRatio }, at) => logRatio[at]!, perfect: 0 },
};

/** Tokens without a next one have no log p; they are left out of both. */
function sampleOf(
  metric: PairedMetric,
  entrant: TokenColumns,
  base: TokenColumns | undefined,
  margins: Margins,
): PairedSample {
  const { of, perfect } = VALUE_OF[metric.name]!;
  const lengths: number[] = [];
  const differences: number[] = [];
  let at = 0;
  for (const { tokens } of entrant.prompts) {
    const before = differences.length;
    for (const end = at + tokens; at < end; at++) {
      const difference = of(entrant, at, margins) - (base === undefined ? perfect : of(base, at, margins));
      if (metric.name !== LOG_P.name || !Number.isNaN(difference)) differences.push(difference);
    }
    if (differences.length > before) lengths.push(differences.length - before);
  }
  return { lengths, differences: Float64Array.from(differences) };
}

function rowOf(
  entrant: Entrant,
  columnsOf: (name: string) => TokenColumns | undefined,
  judged: readonly JudgedComparison[],
  base: TokenColumns | undefined,
  { margins, resampling }: Required<LeagueOptions>,
): LeagueRow {
  const { label, model, isBase } = entrant;
  const total = columnsOf(entrant.total)!;
  const checkpoint = entrant.checkpoint === undefined ? undefined : columnsOf(entrant.checkpoint);
  const device = entrant.device === undefined ? undefined : columnsOf(entrant.device);
  const isSplit = checkpoint !== undefined && device !== undefined && entrant.device !== entrant.total;
  const [ofLogP] = judgeLeague(
    [{ name: label, metric: LOG_P, sample: sampleOf(LOG_P, total, base, margins) }],
    resampling,
  );
  const readings = judged.map(readingOf);
  const word = isBase ? 'base' : joinedWord(readings);
  return {
    label,
    model,
    checkpoint: checkpoint === undefined ? null : summarise(checkpoint),
    device: device === undefined ? null : summarise(device),
    total: summarise(total),
    interaction: isSplit ? interactionOf(total, checkpoint, device) : null,
    perplexityRatio: isBase ? null : perplexityRatio(ofLogP!.estimate),
    classical: isBase ? null : classicalOf(judged, resampling.seed),
    word,
    text: word === 'base' ? 'base' : reasonOf(word, readings),
    readings,
  };
}

function classicalOf(judged: readonly JudgedComparison[], seed: number): ClassicalReadings | null {
  const sampleOf = (metric: PairedMetric): PairedSample | undefined =>
    judged.find((each) => each.metric.name === metric.name && each.estimate.kind === 'defined')?.sample;
  const [kl, hits] = [sampleOf(KL), sampleOf(TOP1)];
  if (kl === undefined || hits === undefined) return null;
  const { unit, signFlip, wilcoxonP } = classicalTests(kl, seed);
  return { unit, signFlipP: signFlip.p, wilcoxonP, ...countDiscordant(hits) };
}

function readingOf(judged: JudgedComparison): MetricReading {
  const { metric, estimate, verdict } = judged;
  return {
    ...differenceOf(judged),
    text: verdictText(estimate, verdict, metric),
    method: estimate.kind === 'defined' ? `${estimate.method}, speaks for ${estimate.speaksFor}` : null,
  };
}

/** What stands in the brackets of `undecided (…)`. */
function insideOf(text: string): string {
  return text.slice(text.indexOf('(') + 1, -1);
}

/** The metrics that the word comes from, KL's own difference always with them. */
function reasonOf(word: VerdictWord, readings: readonly MetricReading[]): string {
  const shown = readings.filter(({ metric }) => metric !== LOG_KL.name);
  if (word === 'equivalent') {
    const notes = shown.filter(({ text }) => text !== word).map(({ metric, text }) => `${metric} ${text}`);
    return notes.length === 0 ? word : `${word} (${notes.join('; ')})`;
  }
  if (word === 'undecided') {
    const open = shown.filter((reading) => reading.word === word);
    const needed = open.map(({ metric, text }) => (text === word ? metric : `${metric}: ${insideOf(text)}`));
    return `undecided (${needed.join('; ')})`;
  }
  const kl = readings.find(({ metric }) => metric === KL.name);
  const deciding = readings.filter((reading) => reading.word === word).map(({ metric, text }) => `${metric} ${text}`);
  const size =
    kl === undefined || kl.word === word || kl.difference === null
      ? []
      : [`mean KL ${kl.difference < 0 ? '' : '+'}${KL.format(kl.difference)}`];
  return [...deciding, ...size].join('; ');
}
