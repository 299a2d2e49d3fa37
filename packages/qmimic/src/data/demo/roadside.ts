// Signs, their poles, and occluders, as SVG.
import { between, gaussian, pick } from "./noise.js";
import { mix, type Rgb, scaled } from "./scene.js";
import { type Point, type Pose, project, type SignShape } from "./signs.js";
import { fill, pathOf, stroke } from "./svg.js";

/** A sign in its pose, lit by `light` (1: as painted) with a gradient and, sometimes, the edge of a shadow. */
export function drawSign(random: () => number, shape: SignShape, pose: Pose, light: number): string {
  const at = (ring: readonly Point[]): Point[] => ring.map((point) => project(pose, point));
  const fade = random() < 0.25 ? between(random, 0.1, 0.4) : 0;
  const paint = (colour: Rgb): Rgb => scaled(mix(colour, [168, 164, 158], fade), light);
  const parts = shape.layers.map((layer) =>
    "ring" in layer
      ? fill(at(layer.ring), paint(layer.colour))
      : layer.lines
          .map((line) => stroke(at(line), paint(layer.colour), layer.width * pose.radius, layer.round))
          .join(""),
  );
  const outline = at(shape.outline);
  if (random() < 0.6) parts.push(shadowOn(random, outline, pose));
  // The plate's own edge, and the gloss of its upper half.
  parts.push(
    stroke([...outline, outline[0]], scaled([120, 120, 120], light), Math.max(0.4, pose.radius * 0.03)),
  );
  if (random() < 0.4) {
    const gloss = at([
      [-1.2, -1.2],
      [1.2, -1.2],
      [1.2, between(random, -0.6, 0.4)],
      [-1.2, between(random, -0.6, 0.4)],
    ]);
    parts.push(clipped(outline, fill(gloss, [255, 255, 255], between(random, 0.04, 0.16)), pose));
  }
  return parts.join("");
}

/** Pole from the sign down to the ground, or past the lower edge if the ground is not in the image. */
export function drawPole(random: () => number, pose: Pose, ground: number, light: number): string {
  const width = Math.max(1, pose.radius * between(random, 0.1, 0.17));
  const grey = scaled([148, 150, 152], light * between(random, 0.6, 1.05));
  const top = pose.y - pose.radius * 0.9;
  const lean = gaussian(random) * 0.012 * (ground - top);
  const x = pose.x;
  const side = (from: number, to: number, colour: Rgb): string =>
    fill(
      [
        [x + from * width, top],
        [x + to * width, top],
        [x + to * width + lean, ground],
        [x + from * width + lean, ground],
      ],
      colour,
    );
  return side(-0.5, 0.5, grey) + side(0.15, 0.5, scaled(grey, 0.7)) + side(-0.4, -0.15, scaled(grey, 1.2));
}

/** A branch with leaves, or a post, over part of a sign. Returns its drawing and the covering rings. */
export function occluder(random: () => number, pose: Pose, light: number): { svg: string; rings: Point[][] } {
  if (random() < 0.3) {
    const width = pose.radius * between(random, 0.15, 0.9);
    const x = pose.x + pose.radius * between(random, -0.9, 0.9);
    const ring: Point[] = [
      [x, -10],
      [x + width, -10],
      [x + width, 5000],
      [x, 5000],
    ]; // A post, top to bottom.
    const grey = scaled(
      pick<Rgb>(random, [
        [84, 78, 70],
        [128, 128, 126],
        [60, 64, 62],
      ]),
      light,
    ); // Wood, steel, paint.
    return {
      svg:
        fill(ring, grey) +
        stroke(
          [
            [x + width, -10],
            [x + width, 5000],
          ],
          scaled(grey, 0.6),
          width * 0.3,
        ),
      rings: [ring],
    };
  }
  const angle = between(random, 0, 2 * Math.PI);
  const reach = pose.radius * between(random, 0.25, 1.4);
  // From over its middle, where little of the sign is left to see, to just touching its edge.
  const away = pose.radius * between(random, 0.3, 1.5) - reach * 0.3;
  const cx = pose.x + Math.cos(angle) * away;
  const cy = pose.y + Math.sin(angle) * away;
  const green: Rgb = pick<Rgb>(random, [
    [62, 92, 38],
    [88, 108, 48],
    [48, 74, 40],
  ]); // Leaves near by.
  const rings: Point[][] = [];
  let svg = stroke(
    [
      [cx + Math.cos(angle) * reach * 3, cy + Math.sin(angle) * reach * 3],
      [cx, cy],
    ],
    scaled([70, 54, 40], light),
    Math.max(1, reach * 0.1),
  );
  const leaf = Math.max(2, pose.radius * between(random, 0.2, 0.36));
  for (let i = 0; i < 60; i++) {
    const x = cx + gaussian(random) * reach * 0.6;
    const y = cy + gaussian(random) * reach * 0.6;
    const turn = between(random, 0, Math.PI);
    const ring = Array.from({ length: 8 }, (_, k): Point => {
      const a = (k / 8) * 2 * Math.PI;
      const u = Math.cos(a) * leaf * 0.8;
      const v = Math.sin(a) * leaf * 0.42;
      return [x + u * Math.cos(turn) - v * Math.sin(turn), y + u * Math.sin(turn) + v * Math.cos(turn)];
    });
    rings.push(ring);
    svg += fill(ring, scaled(green, light * between(random, 0.55, 1.5)));
  }
  return { svg, rings };
}

function shadowOn(random: () => number, outline: Point[], pose: Pose): string {
  const angle = between(random, 0, 2 * Math.PI);
  const from = between(random, -0.8, 0.8) * pose.radius;
  const far = pose.radius * 4;
  const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  const corner = (along: number, across: number): Point => [
    pose.x + dx * along - dy * across,
    pose.y + dy * along + dx * across,
  ];
  const half = [corner(from, -far), corner(far, -far), corner(far, far), corner(from, far)];
  return clipped(outline, fill(half, [8, 10, 24], between(random, 0.12, 0.45)), pose);
}

function clipped(outline: Point[], svg: string, pose: Pose): string {
  const id = `c${Math.round(pose.x * 100)}x${Math.round(pose.y * 100)}x${Math.round(svg.length)}`;
  return `<clipPath id="${id}"><path d="${pathOf(outline)}Z"/></clipPath><g clip-path="url(#${id})">${svg}</g>`;
}
