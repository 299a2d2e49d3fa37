// What stands again and again in these networks: a convolution, its batch norm, a ReLU.
import { BatchNorm2d, type Layer, ReLU } from "@qmimic/torch";

export const normed = (conv: Layer & { readonly outChannels: number }): Layer[] => [
  conv,
  new BatchNorm2d(conv.outChannels),
  new ReLU(),
];
