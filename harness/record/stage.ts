// What a run is at between two tokens, for those who show it.

/** What a run is at between two tokens. */
export interface Stage {
  readonly side: 'reference' | 'device';
  readonly firstPosition: number;
  readonly lastPosition: number;
  /** Layers done of this chunk. */
  readonly layers?: { readonly done: number; readonly total: number };
}
