// A source that says it is the device.
import type { LogitsSource, SourceInfo } from '../../src/device/logits-source.ts';
import { WrappedSource } from '../sources/wrapped-source.ts';

export class RelabelledSource extends WrappedSource {
  readonly #info: SourceInfo;

  constructor(inner: LogitsSource, info: SourceInfo) {
    super(inner);
    this.#info = info;
  }

  override get info(): SourceInfo {
    return this.#info;
  }
}
