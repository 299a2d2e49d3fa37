// A detector as one .onnx file, from image pixels to detections, with only standard operators.
import type { Detector } from "../../models/index.js";
import { thresholdsOf } from "../modelFile.js";
import { traceDetector } from "../trace.js";
import { scoredCells } from "./cells.js";
import { Graph, type Value } from "./graph.js";
import { addInput } from "./input.js";
import { keepBest, type ScoredBoxes } from "./keepBest.js";
import { type OnnxNetwork, onnxNetwork } from "./network.js";
import { proposeRegions } from "./proposals.js";
import { scoredRegions } from "./regions.js";
import { type Port, serializeOnnx } from "./serialize.js";

const IMAGE: Port = {
  name: "image",
  type: "float32",
  shape: [1, 3, "height", "width"],
  meaning: "red, green and blue planes, 0..255, of an image whose longest side is the metadata's side",
};

const OUTPUTS: Port[] = [
  {
    name: "boxes",
    type: "float32",
    shape: ["detections", 4],
    meaning: "left, top, right, bottom in pixels of the image; best first",
  },
  {
    name: "labels",
    type: "int64",
    shape: ["detections"],
    meaning: "label i is name i - 1 of the metadata's classes",
  },
  { name: "scores", type: "float32", shape: ["detections"], meaning: "0..1" },
];

/**
 * @param thresholds per class, null: unknown
 * @returns the bytes of an .onnx file, see docs/onnx.md
 */
export function onnxFile(
  detector: Detector,
  thresholds?: readonly (number | null)[],
): Uint8Array<ArrayBuffer> {
  const graph = Graph.of(IMAGE.name);
  const { picture, limits } = addInput(graph.within("input"), IMAGE.name);
  const network = onnxNetwork(graph.within("network"), traceDetector(detector));
  network.onMaps(picture);
  const classes = detector.config.classes.length;
  const found = scoredBoxes(graph, detector, { network, limits });
  const best = keepBest(graph.within("keep"), found, limits, { ...detector.decoder.keep, classes });
  for (const { name } of OUTPUTS) graph.add(name, "Identity", [best[name as keyof ScoredBoxes]]);
  return serializeOnnx({
    name: detector.config.detector,
    meaning: "Detects objects in an image.",
    graph,
    inputs: [IMAGE],
    outputs: OUTPUTS,
    metadata: {
      classes: JSON.stringify(detector.config.classes),
      thresholds: JSON.stringify(thresholdsOf(detector, thresholds)),
      side: String(detector.config.side),
    },
  });
}

/** Decodes the network's outputs to boxes with scores. */
function scoredBoxes(
  graph: Graph,
  { config, decoder }: Detector,
  { network, limits }: { network: OnnxNetwork; limits: Value },
): ScoredBoxes {
  const output = network.output;
  if (decoder.of === "cells") {
    const maps = { logits: output("logits"), distances: output("distances") };
    return scoredCells(graph.within("cells"), maps, decoder);
  }
  const maps = { logits: output("anchorLogits"), deltas: output("anchorDeltas") };
  const regions = proposeRegions(graph.within("proposals"), maps, limits, decoder);
  network.onRegions(regions);
  const outputs = {
    logits: output("regionLogits"),
    deltas: output("regionDeltas"),
    shared: network.channels("regionDeltas") === 4,
  };
  const classes = config.classes.length;
  return scoredRegions(graph.within("regions"), outputs, regions, { classes, decoder });
}
