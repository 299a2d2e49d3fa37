// The interface of a backbone.
import type { Module, Tensor } from "@qmimic/torch";

export interface Backbone extends Module {
  /** Channels of its last map. */
  readonly outChannels: number;
  /** [B, 3, H, W] -> [B, outChannels, H / stride, W / stride] */
  forward(x: Tensor): Tensor;
}

/** A network with output stride 16 that outputs maps at strides 4, 8 and 16. */
export interface LevelledBackbone extends Backbone {
  /** Channels of the maps at strides 4, 8 and 16. */
  readonly levelChannels: readonly number[];
  /** [B, 3, H, W] -> the maps at strides 4, 8 and 16, [B, channels, H / stride, W / stride] */
  levels(x: Tensor): Tensor[];
}
