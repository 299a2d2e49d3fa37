// A detector's size and cost: parameters, bytes, multiply-adds.
import { gzipSync } from "node:zlib";
import { type Detector, type DetectorConfig, multiplyAdds } from "../models/index.js";
import { channelScales, scaledIntegers } from "../train/int8Weights.js";

export interface DetectorCost {
  parameters: number;
  /** Bytes of all tensors as float32, including batch norm's statistics. */
  bytesFp32: number;
  /** Bytes with convolution and linear weights as int8 and one 32-bit scale per output channel. */
  bytesInt8: number;
  /** The same after gzip. */
  bytesGzip: number;
  /** Multiply-adds for an image of side x side * 3/4 pixels, including all regions of the head. */
  multiplyAdds: number;
}

/** Measures a detector without changing its weights. */
export function detectorCost(detector: Detector): DetectorCost {
  let parameters = 0;
  let values = 0;
  let bytesInt8 = 0;
  const packed: Buffer[] = [];
  for (const { tensor: parameter, trained } of detector.named()) {
    const { shape } = parameter;
    const data = parameter.toFloat32();
    values += data.length;
    if (trained) parameters += data.length;
    if (shape.length > 1) {
      const weights = scaledIntegers(data, channelScales(data, shape[0]));
      bytesInt8 += weights.length + 4 * shape[0];
      packed.push(Buffer.from(weights.buffer));
    } else {
      bytesInt8 += 4 * data.length;
      packed.push(Buffer.from(data.buffer));
    }
  }
  return {
    parameters,
    bytesFp32: 4 * values,
    bytesInt8,
    bytesGzip: gzipSync(Buffer.concat(packed), { level: 9 }).length,
    multiplyAdds: multiplyAdds(detector),
  };
}

/** For memory, which comes in powers of two. */
export const kibibytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`;

export const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

/** For instance "vgg-1-11.5 (separable)" or "vgg-1-8 (pruned)". */
const describeNetwork = ({ backbone, convolution, convolutionGroups, shapes }: DetectorConfig): string => {
  const notes = [
    ...(convolution === "plain" ? [] : [convolution]),
    ...(convolution === "grouped" ? [`in ${convolutionGroups}`] : []),
    ...(shapes === undefined ? [] : ["pruned"]),
  ];
  return notes.length === 0 ? backbone : `${backbone} (${notes.join(" ")})`;
};

/**
 * One line: network, parameters, sizes, cost.
 * @param trained whether to give the compressed size, which is meaningless for random weights
 */
export function summarize(detector: Detector, trained = true): string {
  const { config } = detector;
  const cost = detectorCost(detector);
  return (
    `${describeNetwork(config)} ${config.detector}, stride ${config.outputStride}, ${cost.parameters.toLocaleString("en")} parameters, ` +
    `${kilobytes(cost.bytesFp32)} fp32, ${kilobytes(cost.bytesInt8)} int8, ${trained ? `${kilobytes(cost.bytesGzip)} gzipped, ` : ""}` +
    `${(cost.multiplyAdds / 1e6).toFixed(0)} million multiply-adds at ${config.side} px`
  );
}
