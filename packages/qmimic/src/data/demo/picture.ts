// One generated image: background, distractors, signs, occluders, then light, lens and sensor.
import sharp from "sharp";
import { between, gaussian, noiseField, pick } from "./noise.js";
import { drawDistractor } from "./props.js";
import { drawPole, drawSign, occluder } from "./roadside.js";
import { paintScene, type Scene } from "./scene.js";
import { type Point, type Pose, project, SIGN_CLASSES, SIGN_SHAPES, type SignClass } from "./signs.js";

export interface PictureObject {
  name: SignClass;
  /** xyxy in pixels, the full extent of the plate even where it is covered, clipped to the image. */
  box: [number, number, number, number];
  /** Fraction of the plate, 0..1, that is covered or outside the image. */
  hidden: number;
}

export interface Picture {
  jpeg: Buffer;
  width: number;
  height: number;
  objects: PictureObject[];
}

/** Probabilities of 0, 1, 2, ... signs in an image. */
const SIGN_COUNTS = [0.1, 0.25, 0.25, 0.17, 0.12, 0.07, 0.04];
/** Width of a plate in pixels if the image's longest side is 320. */
const SMALLEST = 14;
const LARGEST = 110;

/** Draws one image whose longest side is `side` px; everything is drawn from `random`. */
export async function drawPicture(random: () => number, side: number): Promise<Picture> {
  const shape = pick(random, [1, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 16 / 9]);
  const short = Math.max(16, Math.round(side / shape));
  const [width, height] = random() < 0.75 ? [side, short] : [short, side];
  const scene = paintScene(random, width, height);
  const light = scene.daylight * between(random, 0.8, 1.1);

  const placed = placeSigns(random, scene, side / 320);
  const distractors = Array.from({ length: Math.floor(between(random, 2, 10)) }, () =>
    drawDistractor(random, scene),
  );
  const poles = placed.map(({ pose, ground, onPole }) =>
    onPole ? drawPole(random, pose, ground, light) : "",
  );
  const signs = placed.map(({ name, pose }) =>
    drawSign(random, SIGN_SHAPES[name], pose, light * between(random, 0.75, 1.1)),
  );
  const covers = placed.filter(() => random() < 0.2).map(({ pose }) => occluder(random, pose, light));
  const rings = covers.flatMap((cover) => cover.rings);
  const objects = placed.map((sign) => toObject(sign, rings, scene));

  const svg = [...distractors, ...poles, ...signs, ...covers.map((cover) => cover.svg)].join("");
  await composite(scene, svg);
  illuminate(random, scene);
  blur(scene, between(random, 0.35, 0.9) + (random() < 0.15 ? between(random, 0.3, 1) : 0));
  const pixels = expose(random, scene);
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: Math.round(between(random, 55, 95)) })
    .toBuffer();
  return { jpeg, width, height, objects };
}

interface PlacedSign {
  name: SignClass;
  pose: Pose;
  ground: number;
  onPole: boolean;
}

function placeSigns(random: () => number, scene: Scene, unit: number): PlacedSign[] {
  const placed: PlacedSign[] = [];
  const count = drawCount(random);
  for (let tries = 0; placed.length < count && tries < count * 12; tries++) {
    const radius = (unit * SMALLEST * (LARGEST / SMALLEST) ** (random() ** 1.2)) / 2;
    const wall = scene.kind === "wall";
    // A camera at 1.5 m sees a sign of 0.7 m, hung at about 2.2 m, one width above the horizon.
    const y = wall
      ? between(random, radius, scene.height - radius)
      : scene.horizon - radius * between(random, 0.2, 4);
    const pose: Pose = {
      x: between(random, radius * 0.7, scene.width - radius * 0.7),
      y,
      radius,
      roll: gaussian(random) * (random() < 0.15 ? 0.25 : 0.06),
      yaw: between(random, -0.85, 0.85),
      pitch: gaussian(random) * 0.12,
    };
    const name = pick(random, SIGN_CLASSES);
    const onPole = !wall || random() < 0.4;
    const sign = {
      name,
      pose,
      ground: wall ? scene.height + 5 : Math.max(scene.horizon + radius * 4, y + radius * 3),
      onPole,
    };
    if (!fits(sign, placed, scene)) continue;
    placed.push(sign);
    const below = { ...pose, y: y + radius * 2.25 };
    const second = { ...sign, name: pick(random, SIGN_CLASSES), pose: below };
    if (onPole && placed.length < count && random() < 0.25 && fits(second, placed, scene))
      placed.push(second);
  }
  // Near things are drawn over far ones.
  return placed.sort((a, b) => a.pose.radius - b.pose.radius);
}

function drawCount(random: () => number): number {
  let left = random();
  const count = SIGN_COUNTS.findIndex((chance) => {
    left -= chance;
    return left < 0;
  });
  return count < 0 ? 1 : count;
}

/** Not over another sign, and at least three quarters of its box inside the image. */
function fits(sign: PlacedSign, placed: PlacedSign[], scene: Scene): boolean {
  const [x1, y1, x2, y2] = bounds(sign);
  const inside =
    Math.max(0, Math.min(x2, scene.width) - Math.max(x1, 0)) *
    Math.max(0, Math.min(y2, scene.height) - Math.max(y1, 0));
  if (inside < 0.75 * (x2 - x1) * (y2 - y1)) return false;
  return placed.every((other) => {
    const [ox1, oy1, ox2, oy2] = bounds(other);
    return x1 > ox2 || x2 < ox1 || y1 > oy2 || y2 < oy1;
  });
}

function bounds({ name, pose }: { name: SignClass; pose: Pose }): [number, number, number, number] {
  const points = SIGN_SHAPES[name].outline.map((point) => project(pose, point));
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function toObject({ name, pose }: PlacedSign, covers: Point[][], { width, height }: Scene): PictureObject {
  const [x1, y1, x2, y2] = bounds({ name, pose });
  const outline = SIGN_SHAPES[name].outline.map((point) => project(pose, point));
  let plate = 0;
  let hidden = 0;
  const STEPS = 24;
  for (let i = 0; i < STEPS * STEPS; i++) {
    const point: Point = [
      x1 + (((i % STEPS) + 0.5) / STEPS) * (x2 - x1),
      y1 + ((Math.floor(i / STEPS) + 0.5) / STEPS) * (y2 - y1),
    ];
    if (!contains(outline, point)) continue;
    plate++;
    const outside = point[0] < 0 || point[1] < 0 || point[0] > width || point[1] > height;
    if (outside || covers.some((ring) => contains(ring, point))) hidden++;
  }
  const box: PictureObject["box"] = [
    Math.max(0, x1),
    Math.max(0, y1),
    Math.min(width, x2),
    Math.min(height, y2),
  ];
  return { name, box, hidden: plate === 0 ? 1 : hidden / plate };
}

function contains(ring: readonly Point[], [x, y]: Point): boolean {
  let inside = false;
  for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
    const [xi, yi] = ring[i];
    const [xj, yj] = ring[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

async function composite(scene: Scene, svg: string): Promise<void> {
  const { width, height } = scene;
  const file = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${svg}</svg>`;
  const layer = await sharp(Buffer.from(file)).ensureAlpha().raw().toBuffer();
  for (let i = 0; i < width * height; i++) {
    const alpha = layer[i * 4 + 3] / 255;
    for (let c = 0; c < 3; c++) {
      const under = scene.data[i * 3 + c];
      scene.data[i * 3 + c] = under + (layer[i * 4 + c] - under) * alpha;
    }
  }
}

/** Uneven light over everything, and sometimes the dappled shadow of a tree. */
function illuminate(random: () => number, scene: Scene): void {
  const { width, height } = scene;
  const broad = noiseField(random, scene, { cell: width * 0.6, octaves: 2 });
  const dappled =
    random() < 0.25
      ? noiseField(random, scene, { cell: between(random, 20, 60), octaves: 4, stretch: 2.5 })
      : undefined;
  const grime = noiseField(random, scene, { cell: 2, octaves: 1 });
  const strength = between(random, 0.1, 0.5);
  for (let i = 0; i < width * height; i++) {
    let light = 1 + (broad[i] - 0.5) * strength + (grime[i] - 0.5) * 0.05;
    const sun = Math.min(Math.max(((dappled?.[i] ?? 1) - 0.42) * 8, 0), 1);
    // No shadow falls on the sky.
    const ground = Math.min(Math.max((Math.floor(i / width) - scene.horizon) / 20 + 0.5, 0), 1);
    light *= 1 - 0.42 * (1 - sun) * (scene.kind === "wall" ? 1 : ground);
    for (let c = 0; c < 3; c++) scene.data[i * 3 + c] *= light;
  }
}

/** Separable Gaussian blur, in place, edges repeated. */
function blur(scene: Scene, sigma: number): void {
  const { width, height, data } = scene;
  const reach = Math.ceil(sigma * 2.5);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, w) => sum + w, 0);
  const pass = (from: Float32Array, to: Float32Array, dx: number, dy: number): void => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let [r, g, b] = [0, 0, 0];
        for (let k = -reach; k <= reach; k++) {
          const sx = Math.min(Math.max(x + k * dx, 0), width - 1);
          const sy = Math.min(Math.max(y + k * dy, 0), height - 1);
          const i = (sy * width + sx) * 3;
          const weight = weights[k + reach];
          r += from[i] * weight;
          g += from[i + 1] * weight;
          b += from[i + 2] * weight;
        }
        const o = (y * width + x) * 3;
        to[o] = r / total;
        to[o + 1] = g / total;
        to[o + 2] = b / total;
      }
    }
  };
  const half = new Float32Array(data.length);
  pass(data, half, 1, 0);
  pass(half, data, 0, 1);
}

/** Vignette, colour cast, contrast, sensor noise; to bytes. */
function expose(random: () => number, scene: Scene): Buffer {
  const { width, height, data } = scene;
  const cast = [0, 1, 2].map(() => between(random, 0.93, 1.07));
  const contrast = between(random, 0.85, 1.12);
  const lift = between(random, -6, 14);
  const vignette = between(random, 0, 0.3);
  const noise = between(random, 1.5, 4) + (scene.daylight < 0.7 ? between(random, 1, 5) : 0);
  const pixels = Buffer.alloc(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const away = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2;
      const grain = gaussian(random) * noise * 0.7;
      for (let c = 0; c < 3; c++) {
        const i = (y * width + x) * 3 + c;
        const value = (data[i] * cast[c] * (1 - vignette * away) - 110) * contrast + 110 + lift;
        pixels[i] = Math.min(255, Math.max(0, value + grain + gaussian(random) * noise * 0.6));
      }
    }
  }
  return pixels;
}
