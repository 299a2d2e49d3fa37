// Calibration: the ranges of a network's values on some images, for int8 quantization.
import { createReferenceNetwork, type Model, type RawImage, type RawPicture } from "@qmimic/runtime";
import { fixedPlacement } from "../../data/fixedInput.js";

/** Minimum and maximum of a value, including 0. */
export interface Range {
  min: number;
  max: number;
}

/** @returns the range of each of `values` over all images */
export function valueRanges(
  model: Model,
  canvas: { width: number; height: number },
  values: readonly number[],
  pictures: readonly RawImage[],
): Map<number, Range> {
  const network = createReferenceNetwork(model);
  const ranges = new Map<number, Range>(values.map((value) => [value, { min: 0, max: 0 }]));
  for (const picture of pictures) {
    const { width, height, data } = picture;
    const channels = (data.length / (width * height)) as RawPicture["channels"];
    network.draw({ data, width, height, channels }, fixedPlacement(picture, canvas));
    network.runMaps(values).forEach(({ data: numbers }, i) => {
      const range = ranges.get(values[i])!;
      for (let k = 0; k < numbers.length; k++) {
        if (numbers[k] < range.min) range.min = numbers[k];
        if (numbers[k] > range.max) range.max = numbers[k];
      }
    });
  }
  return ranges;
}
