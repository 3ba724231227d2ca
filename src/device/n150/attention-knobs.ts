// What attention is told of the board: its knobs, the cores that its grid has for a head, the scale as the host rounds it.
import type { AttentionKnobs, AttentionShape } from '../wormhole/attention-engine.ts';
import { attentionCoresPerHead } from './chip.ts';
import type { N150Config } from './compute-config.ts';
import { hostScalar } from './ops/host-scalars.ts';

type Shape = Pick<AttentionShape, 'headDim' | 'keyValueHeads'>;

export function attentionKnobs({ headDim, keyValueHeads }: Shape, config: N150Config): AttentionKnobs {
  const { sdpaMerge, gridRows } = config;
  return {
    ...config,
    coresPerHead: sdpaMerge === 'oneCore' ? 1 : attentionCoresPerHead(keyValueHeads, gridRows),
    scoreScale: hostScalar(1 / Math.sqrt(headDim), config),
  };
}
