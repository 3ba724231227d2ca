// From which PCC on the tap of a layer is where a fault begins.

/**
 * A tap below this PCC is where a fault begins.
 *
 * Measured with the default device on all 3712 prompt positions of both tiny checkpoints: lowest 0.935 (layers.4.self_attn.out),
 * first percentile of every tap at least 0.979.
 */
export const TAP_PCC_MINIMUM = 0.9;
