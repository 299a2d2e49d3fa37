// An .onnx file in ONNX Runtime: the WebAssembly build, on one thread.
import { type Detections, drawPicture, placePicture, type RawImage } from "@qmimic/runtime";
import { env, InferenceSession, Tensor } from "onnxruntime-web";

env.wasm.numThreads = 1;

export interface OnnxDetector {
  /** Detections in the pixels of an RGB picture, whose longest side the network sees as `side`. */
  detect(picture: RawImage, side: number): Promise<Detections>;
  release(): Promise<void>;
}

export async function openOnnx(bytes: Uint8Array): Promise<OnnxDetector> {
  const session = await InferenceSession.create(bytes);
  return {
    async detect(picture, side) {
      const { scale, size } = placePicture(picture, side, 1);
      const planes = new Float32Array(3 * size.width * size.height);
      const each = (value: number) => [value, value, value];
      const asTheyAre = { side, grid: 1, mean: each(0), std: each(1 / 255) };
      drawPicture({ ...picture, channels: 3 }, { scale, size, canvas: size }, asTheyAre, planes);
      const image = new Tensor("float32", planes, [1, 3, size.height, size.width]);
      const { boxes, scores, labels } = await session.run({ image });
      const largest = [picture.width, picture.height];
      return {
        boxes: (boxes.data as Float32Array).map((x, k) => Math.min(largest[k % 2], x / scale)),
        scores: scores.data as Float32Array,
        labels: Int32Array.from(labels.data as BigInt64Array, Number),
      };
    },
    release: () => session.release(),
  };
}
