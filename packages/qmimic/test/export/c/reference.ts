// A model on an input of a fixed size, by the functions of @qmimic/runtime.
import {
  createReferenceNetwork,
  type Detection,
  detectCells,
  detectRegions,
  generateAnchors,
  type Model,
  proposeRegions,
  type RawImage,
  type Size,
  type Value,
} from "@qmimic/runtime";
import { fixedPlacement } from "../../../src/data/fixedInput.js";

/** Values of maps of the network's list, for a picture. */
export function mapsOf(model: Model, canvas: Size, picture: RawImage, values: readonly number[]): Value[] {
  const network = createReferenceNetwork(model);
  network.draw({ ...picture, channels: 3 }, fixedPlacement(picture, canvas));
  return network.runMaps(values);
}

export function detectFixed(model: Model, canvas: Size, picture: RawImage, most = Infinity): Detection[] {
  const { decoder, outputs, thresholds, classes } = model;
  const network = createReferenceNetwork(model);
  const placement = fixedPlacement(picture, canvas);
  network.draw({ ...picture, channels: 3 }, placement);
  const [first, second] = network.runMaps(outputs.slice(0, 2));
  const found = () => {
    if (decoder.of === "cells")
      return detectCells(
        { logits: first.data, distances: second.data, width: first.width },
        placement.size,
        decoder,
      );
    const { width, height } = first;
    const { anchorSizes: sizes, aspectRatios, stride } = decoder;
    const anchors = generateAnchors({ sizes, aspectRatios, stride, height, width });
    const said = { logits: first.data, deltas: second.data, anchors, cells: width * height };
    const placed = [0, 0, placement.size.width, placement.size.height];
    const regions = proposeRegions(said, placed, decoder.proposals);
    const [logits, deltas] = network.runRegions(regions, outputs.slice(2));
    return detectRegions({ logits: logits.data, deltas: deltas.data, regions }, placement.size, decoder);
  };
  const { boxes, scores, labels } = found();
  return [...scores]
    .map((score, i) => {
      const [xmin, ymin, xmax, ymax] = boxes
        .subarray(4 * i, 4 * i + 4)
        .map((x, k) => Math.min(k % 2 === 0 ? picture.width : picture.height, x / placement.scale));
      return { label: classes[labels[i] - 1], score, box: { xmin, ymin, xmax, ymax } };
    })
    .filter(({ score, label }) => score >= thresholds[classes.indexOf(label)])
    .slice(0, most);
}
