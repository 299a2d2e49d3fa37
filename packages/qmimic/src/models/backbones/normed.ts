// The common building block: convolution, batch norm, ReLU.
import { BatchNorm2d, type Layer, ReLU } from "@qmimic/torch";

export const normed = (conv: Layer & { readonly outChannels: number }): Layer[] => [
  conv,
  new BatchNorm2d(conv.outChannels),
  new ReLU(),
];
