// Draws boxes with labels on a canvas.
import type { Detection } from "./detector.js";

export interface DrawOptions {
  /** CSS colour of a label. Default: a different colour for each label. */
  color?: (label: string) => string;
  /** Line width in canvas pixels. Default: 1/400 of its longer side, at least 1. */
  lineWidth?: number;
  /** Canvas pixels per picture pixel. Default: 1. */
  scale?: number;
}

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Draws on top of the canvas's contents. @param canvas with a 2d context */
export function draw(
  canvas: { width: number; height: number },
  detections: readonly Detection[],
  options: DrawOptions = {},
): void {
  const context = (canvas as HTMLCanvasElement).getContext("2d") as Context | null;
  if (context === null)
    throw new TypeError("draw: the canvas has no 2d context: pass a canvas without another kind of context");
  const {
    color = colorOf,
    lineWidth = Math.max(1, Math.max(canvas.width, canvas.height) / 400),
    scale = 1,
  } = options;
  const size = Math.round(5 + 4 * lineWidth);
  context.save();
  context.lineWidth = lineWidth;
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = "top";
  // The best are drawn last, on top.
  for (const { label, score, box } of [...detections].reverse()) {
    const [x, y] = [scale * box.xmin, scale * box.ymin];
    context.strokeStyle = color(label);
    context.strokeRect(x, y, scale * box.xmax - x, scale * box.ymax - y);
    const text = `${label} ${score.toFixed(2)}`;
    const above = y - 1.4 * size;
    const top = above < 0 ? y : above;
    context.fillStyle = color(label);
    context.fillRect(x - lineWidth / 2, top, context.measureText(text).width + size, 1.4 * size);
    context.fillStyle = "#fff";
    context.fillText(text, x + size / 2, top + 0.2 * size);
  }
  context.restore();
}

/** A hue hashed from the label, so that it is the same in every drawing; dark enough for white text. */
function colorOf(label: string): string {
  let hash = 7;
  for (const letter of label) hash = (Math.imul(hash, 31) + letter.codePointAt(0)!) >>> 0;
  return `hsl(${(hash * 0.618034 * 360) % 360} 75% 38%)`;
}
