// Seven traffic signs as polygons and strokes in the plane (x right, y down, about -1..1), and their projection.
// The shapes follow the Vienna Convention on Road Signs and Signals (1968); digits and letters are strokes, because
// a bare machine has no fonts.
import type { Rgb } from "./scene.js";

export type Point = readonly [number, number];

/** What is painted, back to front. Stroke widths are in units of the plane. */
export type Layer =
  | { colour: Rgb; ring: Point[] }
  | { colour: Rgb; lines: Point[][]; width: number; round?: boolean };

export interface SignShape {
  /** The edge of the plate: its projection's bounds are the object's box. */
  outline: Point[];
  layers: Layer[];
}

/** Class names in label order. */
export const SIGN_CLASSES = [
  "stop",
  "yield",
  "no-entry",
  "limit-50",
  "priority",
  "straight-ahead",
  "pedestrians",
] as const;

export type SignClass = (typeof SIGN_CLASSES)[number];

const RED: Rgb = [190, 26, 38];
const WHITE: Rgb = [240, 240, 236];
const BLACK: Rgb = [26, 26, 28];
const YELLOW: Rgb = [246, 194, 20];
const BLUE: Rgb = [18, 84, 170];

export const SIGN_SHAPES: Record<SignClass, SignShape> = {
  stop: plate(regular(8, 1.04, Math.PI / 8), WHITE, [
    { colour: RED, ring: regular(8, 0.95, Math.PI / 8) },
    { colour: WHITE, lines: place(letters("STOP"), 0.235, 0.5), width: 0.11 },
  ]),
  yield: plate(rounded(triangle(1.12, 1), 0.14), RED, [
    { colour: WHITE, ring: rounded(scaleAbout(triangle(1.12, 1), 0.58), 0.06) },
  ]),
  "no-entry": plate(regular(40, 1, 0), WHITE, [
    { colour: RED, ring: regular(40, 0.95, 0) },
    { colour: WHITE, ring: rectangle(0.72, 0.17) },
  ]),
  "limit-50": plate(regular(40, 1, 0), RED, [
    { colour: WHITE, ring: regular(40, 0.76, 0) },
    { colour: BLACK, lines: place(letters("50"), 0.42, 0.74), width: 0.15 },
  ]),
  priority: plate(rounded(regular(4, 1.1, 0), 0.12), WHITE, [
    { colour: BLACK, ring: rounded(regular(4, 0.99, 0), 0.1) },
    { colour: WHITE, ring: rounded(regular(4, 0.94, 0), 0.1) },
    { colour: YELLOW, ring: rounded(regular(4, 0.7, 0), 0.06) },
  ]),
  "straight-ahead": plate(regular(40, 1, 0), WHITE, [
    { colour: BLUE, ring: regular(40, 0.95, 0) },
    {
      colour: WHITE,
      ring: polygon(
        "0,-0.74 0.42,-0.26 0.42,0 0.13,-0.26 0.13,0.7 -0.13,0.7 -0.13,-0.26 -0.42,0 -0.42,-0.26",
      ),
    },
  ]),
  pedestrians: plate(rounded(triangle(1.12, -1), 0.14), RED, [
    { colour: WHITE, ring: rounded(scaleAbout(triangle(1.12, -1), 0.66), 0.08) },
    { colour: BLACK, ring: shifted(regular(12, 0.1, 0), 0.02, -0.28) },
    {
      colour: BLACK,
      lines: [
        polygon("0.02,-0.12 -0.02,0.12"),
        polygon("-0.02,0.12 -0.2,0.44"),
        polygon("-0.02,0.12 0.1,0.28 0.18,0.44"),
      ],
      width: 0.11,
      round: true,
    },
    {
      colour: BLACK,
      lines: [polygon("0.02,-0.1 0.2,0.08"), polygon("0.02,-0.1 -0.18,0.06")],
      width: 0.07,
      round: true,
    },
  ]),
};

/** A sign's position in the image and its rotation. */
export interface Pose {
  /** Centre in pixels. */
  x: number;
  y: number;
  /** Half the plate's width in pixels, seen straight on. */
  radius: number;
  /** Radians: around the line of sight, around the pole, and leaning back. */
  roll: number;
  yaw: number;
  pitch: number;
}

/**
 * Perspective projection of a point in the plane, in pixels. The eye is 5 plate radii away: visible, not
 * extreme.
 */
export function project(pose: Pose, [u, v]: Point): Point {
  const EYE = 5;
  const x1 = u * Math.cos(pose.roll) - v * Math.sin(pose.roll);
  const y1 = u * Math.sin(pose.roll) + v * Math.cos(pose.roll);
  const x2 = x1 * Math.cos(pose.yaw);
  const z2 = x1 * Math.sin(pose.yaw);
  const y3 = y1 * Math.cos(pose.pitch) - z2 * Math.sin(pose.pitch);
  const z3 = y1 * Math.sin(pose.pitch) + z2 * Math.cos(pose.pitch);
  const perspective = (EYE / (EYE + z3)) * pose.radius;
  return [pose.x + x2 * perspective, pose.y + y3 * perspective];
}

function plate(outline: Point[], colour: Rgb, layers: Layer[]): SignShape {
  return { outline, layers: [{ colour, ring: outline }, ...layers] };
}

function regular(corners: number, radius: number, turn: number): Point[] {
  return Array.from({ length: corners }, (_, i) => {
    const angle = turn + (i / corners) * 2 * Math.PI;
    return [radius * Math.cos(angle), radius * Math.sin(angle)] as const;
  });
}

/** An equilateral triangle about the origin of its bounds; direction 1 points down, -1 up. */
function triangle(radius: number, direction: 1 | -1): Point[] {
  const height = (radius * Math.sqrt(3)) / 2;
  return [
    [-radius, -height * direction],
    [radius, -height * direction],
    [0, height * direction],
  ];
}

/** Shrinks towards the corners' mean, so that a triangle's border has the same width all around. */
function scaleAbout(ring: Point[], factor: number): Point[] {
  const cx = ring.reduce((sum, [x]) => sum + x, 0) / ring.length;
  const cy = ring.reduce((sum, [, y]) => sum + y, 0) / ring.length;
  return ring.map(([x, y]) => [cx + (x - cx) * factor, cy + (y - cy) * factor] as const);
}

function shifted(ring: Point[], dx: number, dy: number): Point[] {
  return ring.map(([x, y]) => [x + dx, y + dy] as const);
}

function rectangle(halfWidth: number, halfHeight: number): Point[] {
  return polygon(
    `${-halfWidth},${-halfHeight} ${halfWidth},${-halfHeight} ${halfWidth},${halfHeight} ${-halfWidth},${halfHeight}`,
  );
}

/** Replaces each corner by a quadratic curve that starts `cut` before it. */
function rounded(ring: Point[], cut: number): Point[] {
  return ring.flatMap((corner, i) => {
    const before = ring[(i + ring.length - 1) % ring.length];
    const after = ring[(i + 1) % ring.length];
    const start = towards(corner, before, cut);
    const end = towards(corner, after, cut);
    return [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => {
      const along = (c: 0 | 1): number =>
        (1 - t) ** 2 * start[c] + 2 * t * (1 - t) * corner[c] + t ** 2 * end[c];
      return [along(0), along(1)] as const;
    });
  });
}

function towards(from: Point, to: Point, distance: number): Point {
  const t = distance / Math.hypot(to[0] - from[0], to[1] - from[1]);
  return [from[0] + (to[0] - from[0]) * t, from[1] + (to[1] - from[1]) * t];
}

function polygon(text: string): Point[] {
  return text.split(" ").map((pair) => {
    const [x, y] = pair.split(",").map(Number);
    return [x, y] as const;
  });
}

/** Letters as polylines in a box of 1 x 1 each, side by side. */
function letters(text: string): Point[][] {
  const GLYPHS: Record<string, string[]> = {
    S: [
      "0.9,0.12 0.7,0 0.25,0 0.08,0.14 0.08,0.34 0.25,0.48 0.75,0.54 0.92,0.68 0.92,0.86 0.75,1 0.25,1 0.08,0.88",
    ],
    T: ["0,0 1,0", "0.5,0 0.5,1"],
    O: ["0.3,0 0.7,0 0.94,0.2 0.94,0.8 0.7,1 0.3,1 0.06,0.8 0.06,0.2 0.3,0"],
    P: ["0.1,1 0.1,0 0.7,0 0.92,0.14 0.92,0.42 0.7,0.56 0.1,0.56"],
    "5": ["0.88,0 0.16,0 0.1,0.46 0.35,0.38 0.7,0.4 0.92,0.56 0.92,0.82 0.7,1 0.3,1 0.08,0.86"],
    "0": ["0.35,0 0.65,0 0.92,0.2 0.92,0.8 0.65,1 0.35,1 0.08,0.8 0.08,0.2 0.35,0"],
  };
  return [...text].flatMap((letter, i) =>
    GLYPHS[letter].map((line) => polygon(line).map(([x, y]) => [x * 0.74 + i, y] as const)),
  );
}

/** Centres letters on the origin: `pitch` from one letter to the next, `height` tall. */
function place(lines: Point[][], pitch: number, height: number): Point[][] {
  const widest = Math.max(...lines.flat().map(([x]) => x));
  return lines.map((line) =>
    line.map(([x, y]) => [(x - widest / 2) * pitch * 1.35, (y - 0.5) * height] as const),
  );
}
