// The date that a template sees: the one that was given, in the words of Python's strftime.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { formatTemplateDate, parseTemplateDate } from './template-date.ts';

describe('parseTemplateDate', () => {
  it.each(['2025-02-30', '2025-1-01', 'today', '2025-01-01T00:00', '20250101', ''])('refuses "%s"', (text) => {
    expect(() => parseTemplateDate(text)).toThrow(UsageError);
  });
});

// Python: datetime.datetime(*map(int, date.split("-"))).strftime(format)
describe('formatTemplateDate', () => {
  it.each([
    { date: '2025-03-09', format: '%d %B %Y', text: '09 March 2025' },
    { date: '2024-12-31', format: '%a %-d %b %y, %j, %U %W %u %w', text: 'Tue 31 Dec 24, 366, 52 53 2 2' },
    { date: '2023-01-01', format: '%A %e %-m %U %W %u %w %F %D', text: 'Sunday  1 1 01 00 7 0 2023-01-01 01/01/23' },
    { date: '2024-01-01', format: '%H:%M:%S %I %p %T %R %f %%d', text: '00:00:00 12 AM 00:00:00 00:00 000000 %d' },
  ])('writes $format of $date', ({ date, format, text }) => {
    expect(formatTemplateDate(parseTemplateDate(date), format)).toBe(text);
  });

  it.each(['%Q', '%', '%c', '%Z'])('refuses %s, which depends on more than the date', (format) => {
    expect(() => formatTemplateDate(parseTemplateDate('2025-03-09'), format)).toThrow(RangeError);
  });
});
