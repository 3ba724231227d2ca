// Where a report's pages lie: in the file as long as there is room, those with failing tokens first; the rest in scripts beside it.
import type { PageHead } from './lens-format.ts';
import type { PackedPage } from './sequence-columns.ts';

/** Pages of one script beside the report. */
const PAGES_PER_FILE = 16;

/** A script element's id and text. */
export interface Block {
  readonly id: string;
  readonly text: string;
}

export interface PlacedPages {
  /** By sequence. */
  readonly heads: readonly (readonly PageHead[])[];
  readonly blocks: readonly Block[];
  /** Scripts by their paths from the report. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * @param packed - by sequence.
 * @param bytesMax - base64 that the file itself may hold.
 */
export function placePages(packed: readonly (readonly PackedPage[])[], bytesMax: number): PlacedPages {
  const all = packed.flatMap((pages, s) => pages.map((page, p) => ({ page, s, p })));
  const inFile = new Set<PackedPage>();
  let room = bytesMax;
  for (const wanted of [true, false]) {
    for (const { page } of all) {
      if (page.hasFailing !== wanted || page.text.length > room) continue;
      room -= page.text.length;
      inFile.add(page);
    }
  }
  const heads = packed.map((): PageHead[] => []);
  const blocks: Block[] = [];
  const scripts: string[][] = [];
  for (const { page, s, p } of all) {
    const head = { id: `t${s}.${p}`, from: page.from, to: page.to };
    if (inFile.has(page)) {
      blocks.push({ id: head.id, text: page.text });
      heads[s]!.push(head);
      continue;
    }
    let calls = scripts.at(-1);
    if (calls === undefined || calls.length === PAGES_PER_FILE) {
      calls = [];
      scripts.push(calls);
    }
    calls.push(`qpPage(${JSON.stringify(head.id)},${JSON.stringify(page.text)});\n`);
    heads[s]!.push({ ...head, file: fileName(scripts.length - 1) });
  }
  const files = Object.fromEntries(scripts.map((calls, i) => [fileName(i), calls.join('')]));
  return { heads, blocks, files };
}

function fileName(index: number): string {
  return `report-data/${index}.js`;
}
