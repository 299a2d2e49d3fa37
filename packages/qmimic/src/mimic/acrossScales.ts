// A teacher's map of an input `scale` times as large as the student's, in the student's cells: the scale x scale cells
// that one of them covers are its channels. Li et al. (CVPR 2017) mimic a larger input with a deconvolution of the
// student's map; here, the regression layer with scale^2 times the outputs has that role (sub-pixel convolution: Shi et
// al., CVPR 2016, section 3.2).
import { operator, type Tensor } from "@qmimic/torch";

const pixelUnshuffle = operator("aten::pixel_unshuffle");
const pixelShuffle = operator("aten::pixel_shuffle");

/** [B, C, scale * H, scale * W] -> [B, scale^2 * C, H, W] */
export const cellsAsChannels = (map: Tensor, scale: number): Tensor =>
  scale === 1 ? map : pixelUnshuffle(map, scale);

/** The reverse: [B, scale^2 * C, H, W] -> [B, C, scale * H, scale * W] */
export const channelsAsCells = (map: Tensor, scale: number): Tensor =>
  scale === 1 ? map : pixelShuffle(map, scale);
