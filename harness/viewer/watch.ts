// What plots follow besides the data: their width, and the colours of the scheme; and values that arrive later.
import type { RefObject } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** CSS pixels; 0 before the first layout and while hidden. */
export function useWidth(box: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Changes whenever plots have to read their colours anew. */
export function useScheme(): string {
  const read = (): string => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  const [scheme, setScheme] = useState(read);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const change = (): void => setScheme(read());
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  return scheme;
}

/** What a promise gave; the last value stays until the next has come, so that nothing flickers. */
export function useLater<T>(make: () => Promise<T>, on: readonly unknown[]): T | Error | undefined {
  const [value, setValue] = useState<T | Error | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    make().then(
      (made) => isWanted && setValue(() => made),
      (error: unknown) => isWanted && setValue(() => (error instanceof Error ? error : new Error(String(error)))),
    );
    return () => {
      isWanted = false;
    };
  }, on);
  return value;
}
