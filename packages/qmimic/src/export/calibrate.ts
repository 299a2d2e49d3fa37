// Calibration: the ranges of a network's values on some images, for int8 quantization.
import {
  createReferenceNetwork,
  type Model,
  type Placement,
  type RawImage,
  type RawPicture,
} from "@qmimic/runtime";

/** Minimum and maximum of a value, including 0. */
export interface Range {
  min: number;
  max: number;
}

/**
 * @param place where a picture is in the input
 * @returns the range of each channel of each of `values` over all images
 */
export function valueRanges(
  model: Model,
  place: (picture: RawImage) => Placement,
  values: readonly number[],
  pictures: readonly RawImage[],
): Map<number, Range[]> {
  const network = createReferenceNetwork(model);
  const ranges = new Map<number, Range[]>();
  for (const picture of pictures) {
    const { width, height, data } = picture;
    const channels = (data.length / (width * height)) as RawPicture["channels"];
    network.draw({ data, width, height, channels }, place(picture));
    network.runMaps(values).forEach((map, i) => {
      const perChannel =
        ranges.get(values[i]) ?? Array.from({ length: map.channels }, () => ({ min: 0, max: 0 }));
      ranges.set(values[i], perChannel);
      const cells = map.height * map.width;
      perChannel.forEach((range, c) => {
        include(range, map.data.subarray(c * cells, (c + 1) * cells));
      });
    });
  }
  return ranges;
}

function include(range: Range, numbers: Float32Array): void {
  for (let k = 0; k < numbers.length; k++) {
    if (numbers[k] < range.min) range.min = numbers[k];
    if (numbers[k] > range.max) range.max = numbers[k];
  }
}

export const wholeRange = (ranges: readonly Range[]): Range => ({
  min: Math.min(0, ...ranges.map(({ min }) => min)),
  max: Math.max(0, ...ranges.map(({ max }) => max)),
});
