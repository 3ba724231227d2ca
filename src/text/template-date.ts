// The date that a chat template sees: a given one, because two runs on two days have to feed the same tokens.
import { UsageError } from '../errors.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** @param text - YYYY-MM-DD. @throws UsageError `TEMPLATE_DATE`. */
export function parseTemplateDate(text: string): Date {
  const date = /^\d{4}-\d\d-\d\d$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined;
  if (date !== undefined && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)) return date;
  throw new UsageError('the date of the chat template is no date.', {
    code: 'TEMPLATE_DATE',
    facts: { found: text, wanted: 'YYYY-MM-DD' },
    hint: 'for example --template-date 2025-03-09.',
  });
}

/** Python's `strftime` in the C locale, at midnight. @throws RangeError for a directive that is not modelled. */
export function formatTemplateDate(date: Date, format: string): string {
  return format.replace(/%(-?)(.|$)/gsu, (directive, bare: string, letter: string) => {
    const [text, width] = fieldOf(date, letter) ?? [];
    if (text === undefined) throw new RangeError(`strftime_now("${format}"): ${directive} is not modelled here`);
    return width === undefined || bare !== '' ? text : text.padStart(width, '0');
  });
}

function fieldOf(date: Date, letter: string): readonly [text: string, width?: number] | undefined {
  const day = date.getUTCDay();
  const month = date.getUTCMonth();
  const dayOfYear = Math.round((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000);
  const year = String(date.getUTCFullYear());
  switch (letter) {
    case '%':
      return ['%'];
    case 'Y':
      return [year];
    case 'y':
      return [String(date.getUTCFullYear() % 100), 2];
    case 'm':
      return [String(month + 1), 2];
    case 'd':
      return [String(date.getUTCDate()), 2];
    case 'e':
      return [String(date.getUTCDate()).padStart(2, ' ')];
    case 'B':
      return [MONTHS[month]!];
    case 'b':
    case 'h':
      return [MONTHS[month]!.slice(0, 3)];
    case 'A':
      return [DAYS[day]!];
    case 'a':
      return [DAYS[day]!.slice(0, 3)];
    case 'u':
      return [String(day === 0 ? 7 : day)];
    case 'w':
      return [String(day)];
    case 'j':
      return [String(dayOfYear + 1), 3];
    case 'U':
      return [String(Math.floor((dayOfYear + 7 - day) / 7)), 2];
    case 'W':
      return [String(Math.floor((dayOfYear + 7 - ((day + 6) % 7)) / 7)), 2];
    case 'F':
      return [date.toISOString().slice(0, 10)];
    case 'D':
      return [`${String(month + 1).padStart(2, '0')}/${String(date.getUTCDate()).padStart(2, '0')}/${year.slice(-2)}`];
    case 'H':
    case 'M':
    case 'S':
      return ['0', 2];
    case 'I':
      return ['12', 2];
    case 'p':
      return ['AM'];
    case 'T':
    case 'X':
      return ['00:00:00'];
    case 'R':
      return ['00:00'];
    case 'f':
      return ['000000'];
    default:
      return undefined;
  }
}
