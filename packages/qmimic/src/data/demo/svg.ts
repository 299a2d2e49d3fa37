// Filled and stroked polygons as SVG text.
import type { Rgb } from "./scene.js";
import type { Point } from "./signs.js";

/** A filled polygon. */
export function fill(ring: readonly Point[], colour: Rgb, opacity = 1): string {
  return `<path d="${pathOf(ring)}Z" fill="${css(colour)}" fill-opacity="${opacity.toFixed(3)}"/>`;
}

export function stroke(line: readonly Point[], colour: Rgb, width: number, round = false): string {
  const ends = round ? ' stroke-linecap="round" stroke-linejoin="round"' : ' stroke-linejoin="miter"';
  return `<path d="${pathOf(line)}" fill="none" stroke="${css(colour)}" stroke-width="${width.toFixed(2)}"${ends}/>`;
}

/** Where a thing stands: the middle of its base, and its size. */
export interface Stand {
  x: number;
  base: number;
  width: number;
  height: number;
}

/** A polygon as text, in fractions of the width and height from the middle of the base. */
export function polygonAt({ x, base, width, height }: Stand, text: string): Point[] {
  return text.split(" ").map((pair) => {
    const [u, v] = pair.split(",").map(Number);
    return [x + u * width, base + v * height] as const;
  });
}

export function regularAt(x: number, y: number, radius: number, squeeze = 1): Point[] {
  return Array.from({ length: 20 }, (_, i): Point => {
    const a = (i / 20) * 2 * Math.PI;
    return [x + Math.cos(a) * radius * squeeze, y + Math.sin(a) * radius];
  });
}

export function pathOf(points: readonly Point[]): string {
  return `M${points.map(([x, y]) => `${x.toFixed(2)} ${y.toFixed(2)}`).join("L")}`;
}

function css(colour: Rgb): string {
  return `rgb(${colour.map((v) => Math.round(Math.min(255, Math.max(0, v)))).join(",")})`;
}
