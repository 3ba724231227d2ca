// The vocabulary as the device lays it out: 32-wide tiles in blocks of 1024, slices of the lm_head, and blocks that are sick by name.
import { useEffect, useRef } from 'preact/hooks';
import type { NamedBlock, RowPicture } from '../lens/lens-format.ts';
import { formatPcc, formatSmall } from '../report/format.ts';
import { bytesOf } from './blocks.ts';
import { readInks } from './paint-overview.ts';
import { NoRows } from './rows-tab.tsx';
import type { TokenView } from './views.ts';
import { useScheme } from './watch.ts';

const BLOCK = 1024;
const TILES_OF_BLOCK = 32;
/** Columns of the lm_head that the original multiplies at once. */
const SLICE = 32_064;

export function VocabularyTab(view: TokenView) {
  const { picture, constantBlocks } = view.detail.note;
  const { vocabSize } = view.sequence.on;
  const constant = (constantBlocks ?? []).map(
    ([from, to, value]) => `entries ${from} to ${to - 1} are all ${formatSmall(value)} on the device`,
  );
  return (
    <>
      {constant.length === 0 ? null : (
        <ul class="sick">
          {constant.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      {picture === undefined ? (
        <NoRows {...view} what="maps exist" />
      ) : (
        <VocabularyMap picture={picture} vocabSize={vocabSize} />
      )}
    </>
  );
}

const KIND_WORDS: Readonly<Record<NamedBlock['kind'], string>> = {
  dead: 'dead: nothing but zeros',
  constant: 'constant: one value throughout',
  swapped: 'swapped',
  notFinite: 'not finite',
  unrelated: "unrelated to golden's",
};

function VocabularyMap({ picture, vocabSize }: { readonly picture: RowPicture; readonly vocabSize: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useScheme();
  const blocks = Math.ceil(vocabSize / BLOCK);
  const size = blocks > 40 ? 8 : blocks > 12 ? 10 : 12;
  const [width, height] = [TILES_OF_BLOCK * size, blocks * size];
  const tiles = bytesOf(picture.tiles);
  useEffect(() => {
    const element = canvas.current!;
    const inks = readInks(element);
    const context = element.getContext('2d')!;
    context.clearRect(0, 0, width, height);
    for (let tile = 0; tile < tiles.length; tile++) {
      const share = tiles[tile]! / 255;
      const ink = [0, 1, 2].map((i) => Math.round(inks.pale[i]! + (inks.fail[i]! - inks.pale[i]!) * share));
      context.fillStyle = `rgb(${ink.join(' ')})`;
      context.fillRect((tile % TILES_OF_BLOCK) * size, Math.floor(tile / TILES_OF_BLOCK) * size, size - 1, size - 1);
    }
    context.fillStyle = `rgb(${inks.select.join(' ')})`;
    for (let from = SLICE; from < vocabSize; from += SLICE) {
      context.fillRect(((from % BLOCK) / 32) * size - 1, Math.floor(from / BLOCK) * size, 2, size);
      context.fillRect(0, Math.floor(from / BLOCK) * size, 4, size);
    }
  }, [picture, scheme]);
  const worst = tiles.indexOf(Math.max(...tiles));
  const slices = Math.ceil(vocabSize / SLICE);
  const named = describeBlocks(picture.blocks);
  const words = `${blocks} blocks of 1024 entries, 32 tiles each, ${slices} lm_head ${slices === 1 ? 'slice' : `slices of ${SLICE} columns`}; the largest error is in tile ${worst} (entries ${worst * 32} to ${Math.min(vocabSize, worst * 32 + 32) - 1}), ${formatSmall(picture.tileMax)} root mean square`;
  return (
    <figure class="vocabulary">
      <figcaption>{words}.</figcaption>
      {named.length === 0 ? (
        <p>No block is dead, constant, swapped or unrelated.</p>
      ) : (
        <ul class="sick">
          {named.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      )}
      <canvas
        ref={canvas}
        width={width}
        height={height}
        role="img"
        aria-label={`Map of the vocabulary: ${words}. ${named.join('. ')}`}
      />
      <p class="quiet">
        One row a block, one cell a tile; darker: larger root mean square difference; blue marks: a slice of the lm_head
        begins.
      </p>
    </figure>
  );
}

/** Neighbours of one kind together: a row that is off as a whole is no list of 149 blocks. */
function describeBlocks(blocks: readonly NamedBlock[]): string[] {
  const groups: NamedBlock[][] = [];
  for (const one of blocks) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const isNext = last?.kind === one.kind && last.block + 1 === one.block && one.holds === undefined;
    if (isNext) group!.push(one);
    else groups.push([one]);
  }
  return groups.map(describeGroup);
}

function describeGroup(group: readonly NamedBlock[]): string {
  const [first, last] = [group[0]!, group.at(-1)!];
  const many = group.length > 1;
  const entries = `${many ? `blocks ${first.block} to ${last.block}` : `block ${first.block}`} (entries ${first.block * BLOCK} to ${(last.block + 1) * BLOCK - 1})`;
  const correlations = group.flatMap(({ pcc }) => (pcc === null ? [] : [pcc])).sort((a, b) => a - b);
  const [low, high] = [correlations[0], correlations.at(-1)];
  const correlation =
    low === undefined || high === undefined
      ? ''
      : `, PCC ${low === high ? formatPcc(low) : `${formatPcc(low)} to ${formatPcc(high)}`}`;
  return first.holds === undefined
    ? `${entries} ${many ? 'are' : 'is'} ${KIND_WORDS[first.kind]}${correlation}`
    : `${entries} holds golden's block ${first.holds}${correlation} with its own`;
}
