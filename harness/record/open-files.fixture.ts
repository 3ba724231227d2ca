// The files that this process has open, by their paths, as Linux tells them.
import { readdirSync, readlinkSync } from 'node:fs';

export function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // Closed since, as that of the listing itself.
      return [];
    }
  });
}
