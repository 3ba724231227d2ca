// How reports write numbers and token texts, so that all of them show the same digits.
import type { RuleResult } from '../record/verdict.ts';

/** A correlation: enough digits to tell 0.99999 from 1; `none` where it does not exist. */
export function formatPcc(pcc: number | null): string {
  return pcc === null ? 'none' : pcc.toFixed(5);
}

/** Nats and other small positive quantities: three significant digits. */
export function formatSmall(value: number | null): string {
  if (value === null) return 'none';
  if (value === 0 || !Number.isFinite(value)) return String(value);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : value.toPrecision(3);
}

/** A share 0 … 1 as per cent. */
export function formatShare(share: number | null): string {
  return share === null ? 'none' : `${(share * 100).toFixed(1)} %`;
}

/** An observed value or a limit of any rule. */
export function formatValue(value: number | null): string {
  if (value === null) return 'none';
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(6)).toString();
}

/** Share of a rule's limit that is left; nothing for a rule that allows only the ideal value. */
export function ruleHeadroom({
  headroom,
  threshold,
  ideal,
}: Pick<RuleResult, 'headroom' | 'threshold' | 'ideal'>): string {
  if (headroom === null) return 'none';
  return threshold === ideal ? '' : `${Math.round(headroom * 100)} %`;
}

export function formatDuration(ms: number): string {
  // What would be 60.0 s is a minute, and a minute has no second 60.
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 2 ** 10) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 2 ** 10).toFixed(1)} KiB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** Quoted text with control characters made visible, cut to `longest` characters. */
export function quoteText(text: string, longest = 40): string {
  const characters = [...text];
  const cut = characters.length > longest ? `${characters.slice(0, longest).join('')}…` : text;
  // Bytes that are no text by themselves come as \xE6 already and keep their single backslash.
  return JSON.stringify(cut)
    .replaceAll(/\\\\x(?=[0-9A-F]{2})/g, '\\x')
    .replaceAll(/[\u007f-\u009f\u2028\u2029\ufffe\uffff]/g, (c) => {
      return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
}

/** "position 40 (decode step 31)" as style asks for. */
export function formatPosition(position: number, step: number | null): string {
  return step === null ? `position ${position}` : `position ${position} (decode step ${step})`;
}

/** Plural with its number: "1 token", "2 tokens". */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
