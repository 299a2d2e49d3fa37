// The view of one model: boxes, overlays, timings.
import { type Detector, draw, type Inspection } from "@qmimic/runtime";
import { height, width } from "./media.js";

export type Overlay = "none" | "regions" | "mean" | `channel ${number}`;

export interface Panel {
  element: HTMLElement;
  /** Of its feature map; 0 until a picture is shown. */
  channels(): number;
  /** If `threshold` is undefined, the model's thresholds are used. */
  show(picture: ImageBitmap | HTMLVideoElement, threshold: number | undefined, overlay: Overlay): void;
}

/** Maximum number of proposals drawn; more would hide the picture. */
const MAX_REGIONS = 50;

/** @param close called when the panel's close button is clicked */
export function createPanel(detector: Detector, name: string, bytes: number, close: () => void): Panel {
  const element = document.createElement("article");
  const title = document.createElement("h2");
  title.textContent = name;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.title = `Close ${name}`;
  button.ariaLabel = button.title;
  button.onclick = close;
  title.append(button);
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  const facts = document.createElement("dl");
  element.append(title, canvas, facts);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  const model = `${kilobytes(bytes)}, ${detector.side} px, ${detector.classes.join(", ")}`;

  let channels = 0;
  return {
    element,
    channels: () => channels,
    show(picture, threshold, overlay) {
      canvas.width = width(picture);
      canvas.height = height(picture);
      context.drawImage(picture, 0, 0, canvas.width, canvas.height);
      const seen = detector.inspect(canvas, threshold === undefined ? {} : { threshold });
      channels ||= seen.features().channels;
      if (overlay === "regions") drawRegions(context, seen.regions);
      else if (overlay !== "none") drawFeatures(context, seen, overlay);
      draw(canvas, seen.detections);
      canvas.ariaLabel = describe(seen);
      showFacts(facts, { model, objects: describe(seen), times: times(seen) });
      element.dataset.detections = JSON.stringify(seen.detections);
    },
  };
}

export const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

function describe({ detections }: Inspection): string {
  const counts = new Map<string, number>();
  for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts.size === 0
    ? "no objects found"
    : [...counts].map(([label, count]) => `${count} ${label}`).join(", ");
}

function times({ milliseconds }: Inspection): string {
  const total = Object.values(milliseconds).reduce((sum, time) => sum + time, 0);
  const parts = Object.entries(milliseconds).map(([name, time]) => `${name} ${time.toFixed(1)}`);
  return `${total.toFixed(1)} ms: ${parts.join(", ")}`;
}

function showFacts(list: HTMLElement, facts: Record<string, string>): void {
  list.replaceChildren(
    ...Object.entries(facts).flatMap(([name, text]) => {
      const [term, description] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = name;
      description.textContent = text;
      return [term, description];
    }),
  );
}

function drawRegions(context: CanvasRenderingContext2D, regions: Float32Array): void {
  context.strokeStyle = "#ff0a";
  context.lineWidth = Math.max(1, context.canvas.width / 600);
  for (let k = 0; k < Math.min(regions.length, 4 * MAX_REGIONS); k += 4) {
    const [x1, y1, x2, y2] = regions.subarray(k, k + 4);
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
}

/** Draws the map over the picture, transparent at its minimum. */
function drawFeatures(
  context: CanvasRenderingContext2D,
  { features }: Inspection,
  overlay: Exclude<Overlay, "none" | "regions">,
): void {
  const map = features();
  const plane = map.width * map.height;
  const channels =
    overlay === "mean"
      ? Array.from({ length: map.channels }, (_, c) => c)
      : [Math.min(Number(overlay.split(" ")[1]), map.channels - 1)];
  const values = new Float32Array(plane);
  for (const c of channels) for (let i = 0; i < plane; i++) values[i] += map.data[c * plane + i];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const image = new ImageData(map.width, map.height);
  values.forEach((value, i) => {
    const fraction = high > low ? (value - low) / (high - low) : 0;
    image.data.set([255, 255 * (1 - fraction), 0, 200 * fraction], 4 * i);
  });
  const layer = new OffscreenCanvas(map.width, map.height);
  layer.getContext("2d")!.putImageData(image, 0, 0);
  const { scale, canvas } = map.placement;
  context.drawImage(layer, 0, 0, canvas.width / scale, canvas.height / scale);
}
