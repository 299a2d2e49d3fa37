// The background of a generated image: a street, a country road, a wood or a wall, painted pixel by pixel.
import { between, noiseField, pick } from "./noise.js";

export type Rgb = readonly [number, number, number];

/** An image being painted: height x width x 3, RGB, about 0..255, not clamped. */
export interface Painting {
  width: number;
  height: number;
  data: Float32Array;
}

export interface Scene extends Painting {
  kind: SceneKind;
  /** Row of the horizon, where a thing's size is zero. */
  horizon: number;
  /** Overall brightness, 1 by day, less at dusk. */
  daylight: number;
}

export type SceneKind = "street" | "country" | "wood" | "wall";

interface Weather {
  zenith: Rgb;
  low: Rgb;
  clouds: number;
  daylight: number;
}

const WEATHERS: Weather[] = [
  { zenith: [86, 138, 204], low: [196, 216, 232], clouds: 0.5, daylight: 1 },
  { zenith: [120, 165, 215], low: [225, 230, 232], clouds: 0.8, daylight: 1.05 },
  { zenith: [168, 175, 184], low: [212, 214, 214], clouds: 0.3, daylight: 0.85 },
  { zenith: [88, 96, 140], low: [236, 176, 130], clouds: 0.6, daylight: 0.7 },
  { zenith: [36, 42, 66], low: [92, 88, 98], clouds: 0.3, daylight: 0.48 },
];

const FACADES: Rgb[] = [
  [150, 84, 66],
  [168, 112, 86],
  [196, 184, 160],
  [150, 148, 144],
  [212, 208, 198],
  [188, 164, 112],
  [120, 132, 142],
  [176, 136, 128],
  [98, 92, 90],
];

const PAVEMENTS: Rgb[] = [
  [150, 146, 140],
  [126, 120, 116],
  [164, 154, 138],
];

/** Paints a background of the given size in pixels. */
export function paintScene(random: () => number, width: number, height: number): Scene {
  const kind = pick<SceneKind>(random, ["street", "street", "street", "country", "country", "wood", "wall"]);
  const weather = pick(random, WEATHERS.concat(WEATHERS.slice(0, 3)));
  const scene: Scene = {
    kind,
    width,
    height,
    data: new Float32Array(width * height * 3),
    horizon: Math.round(height * between(random, 0.42, 0.7)),
    daylight: weather.daylight,
  };
  if (kind === "wall") {
    const area = { x: 0, y: 0, width, height };
    paintFacade(random, scene, { area, colour: pick(random, FACADES), size: 2.2 });
  } else {
    paintSky(random, scene, weather);
    if (kind !== "street" || random() < 0.6) {
      const tall = kind === "wood" ? between(random, 0.6, 1) : between(random, 0.12, 0.4);
      paintTrees(random, scene, scene.horizon * tall);
    }
    if (kind === "street") paintStreetside(random, scene);
  }
  paintGround(random, scene);
  return scene;
}

/** The index of a pixel in the data; -1 outside. */
function pixelAt({ width, height }: Painting, x: number, y: number): number {
  return x < 0 || y < 0 || x >= width || y >= height ? -1 : (y * width + x) * 3;
}

/** Mixes `colour` into a pixel; alpha 1 replaces it. */
function blend({ data }: Painting, pixel: number, colour: Rgb, alpha: number): void {
  if (pixel < 0) return;
  for (let c = 0; c < 3; c++) data[pixel + c] += (colour[c] - data[pixel + c]) * alpha;
}

function paintSky(random: () => number, scene: Scene, weather: Weather): void {
  const { width, height, horizon } = scene;
  const clouds = noiseField(random, scene, { cell: width / 3, octaves: 5, stretch: 2 });
  for (let y = 0; y < height; y++) {
    const t = Math.min(1, y / horizon) ** 1.3;
    const base = mix(weather.zenith, weather.low, t);
    for (let x = 0; x < width; x++) {
      const cover = clamp01((clouds[y * width + x] - 0.62 + weather.clouds * 0.14) * 5);
      blend(scene, pixelAt(scene, x, y), mix(base, mix(weather.low, [250, 250, 250], 0.5), cover * 0.8), 1);
    }
  }
}

function paintTrees(random: () => number, scene: Scene, tall: number): void {
  const { width, height, horizon } = scene;
  const crowns = noiseField(random, { width, height: 1 }, { cell: between(random, 25, 80), octaves: 4 });
  const leaves = noiseField(random, scene, { cell: between(random, 7, 14), octaves: 4 });
  const masses = noiseField(random, scene, { cell: 45, octaves: 2 });
  const autumn = random() < 0.2;
  const dark: Rgb = autumn ? [52, 40, 20] : [18, 32, 16];
  const light: Rgb = autumn ? [176, 122, 48] : [112, 142, 62];
  for (let x = 0; x < width; x++) {
    const top = horizon - tall * (0.25 + 1.1 * crowns[x]);
    for (let y = Math.max(0, Math.floor(top) - 6); y < horizon + 4 && y < height; y++) {
      const leaf = leaves[y * width + x];
      if (y < top + (leaf - 0.5) * 22) continue;
      const lit = clamp01((leaf - 0.28) * 1.7) * (0.45 + 0.75 * masses[y * width + x]);
      blend(scene, pixelAt(scene, x, y), scaled(mix(dark, light, lit), scene.daylight), 1);
    }
  }
}

interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

function paintStreetside(random: () => number, scene: Scene): void {
  const gap = random() < 0.5 ? between(random, 0.3, 0.7) : -1;
  let x = -between(random, 0, 40);
  while (x < scene.width) {
    const width = between(random, 0.14, 0.4) * scene.width;
    const atGap = gap > 0 && Math.abs((x + width / 2) / scene.width - gap) < 0.16;
    const height = scene.horizon * (atGap ? between(random, 0, 0.3) : between(random, 0.35, 1.1));
    const area = {
      x: Math.round(x),
      y: Math.round(scene.horizon - height),
      width: Math.round(width),
      height,
    };
    if (height > 20) {
      const colour = pick(random, FACADES);
      paintFacade(random, scene, { area, colour, size: between(random, 0.7, 1.3) });
    }
    x += width;
  }
}

interface Facade {
  area: Area;
  colour: Rgb;
  /** Of bricks and windows: 1 for a house across the street. */
  size: number;
}

/** A house front: bricks or plaster, rows of windows, stains. */
function paintFacade(random: () => number, scene: Scene, facade: Facade): void {
  const { area, colour, size } = facade;
  const width = Math.round(area.width);
  const height = Math.ceil(area.height) + 2;
  const grain = noiseField(random, { width, height }, { cell: 3, octaves: 2 });
  const stains = noiseField(random, { width, height }, { cell: 60, octaves: 3 });
  const light = scene.daylight * between(random, 0.72, 1.1);
  const bricks = random() < 0.5;
  const brickHeight = Math.max(3, Math.round(4 * size));
  const brickWidth = brickHeight * 2.4;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let shade = 0.82 + 0.2 * grain[y * width + x] + 0.34 * (stains[y * width + x] - 0.5);
      if (bricks) {
        const row = Math.floor(y / brickHeight);
        const along = x / brickWidth + (row % 2) / 2;
        const mortar = y % brickHeight === 0 || (along % 1) * brickWidth < 1;
        const tint = ((Math.imul(row * 71 + Math.floor(along), 2654435761) >>> 24) / 255 - 0.5) * 0.22;
        shade = mortar ? shade * 1.14 : shade + tint;
      }
      blend(scene, pixelAt(scene, area.x + x, area.y + y), scaled(colour, shade * light), 1);
    }
  }
  if (scene.kind !== "wall" || random() < 0.5) paintWindows(random, scene, facade, light);
}

function paintWindows(random: () => number, scene: Scene, { area, size }: Facade, light: number): void {
  const paneWidth = between(random, 9, 15) * size;
  const paneHeight = paneWidth * between(random, 1.1, 1.8);
  const pitchX = paneWidth * between(random, 1.5, 2.2);
  const pitchY = paneHeight * between(random, 1.4, 1.9);
  const frame: Rgb = pick<Rgb>(random, [
    [225, 225, 220],
    [70, 66, 62],
    [150, 140, 128],
  ]);
  for (let top = pitchY * 0.35; top + paneHeight < area.height - 4; top += pitchY) {
    for (let left = pitchX * 0.3; left + paneWidth < area.width; left += pitchX) {
      const lit = scene.daylight < 0.6 && random() < 0.35;
      const glass: Rgb = lit ? [240, 205, 130] : scaled([74, 90, 106], between(random, 0.4, 1.25) * light);
      for (let y = 0; y < paneHeight; y++) {
        for (let x = 0; x < paneWidth; x++) {
          const edge = Math.min(x, y, paneWidth - 1 - x, paneHeight - 1 - y) < size * 0.9;
          const bar = Math.abs(x - paneWidth / 2) < size * 0.5;
          const sheen = 1.15 - 0.35 * (y / paneHeight) + (x + y > paneWidth ? 0.1 : 0);
          const colour = edge || bar ? scaled(frame, light) : scaled(glass, sheen);
          const pixel = pixelAt(scene, Math.round(area.x + left + x), Math.round(area.y + top + y));
          blend(scene, pixel, colour, 0.95);
        }
      }
    }
  }
}

/** Road with markings, pavement or grass on both sides, all running to a vanishing point. */
function paintGround(random: () => number, scene: Scene): void {
  const { width, height } = scene;
  // In front of a wall there is only a strip of pavement, if any.
  const horizon = scene.kind === "wall" ? Math.round(height * between(random, 0.82, 1.1)) : scene.horizon;
  const rough = noiseField(random, scene, { cell: 4, octaves: 2, stretch: 2 });
  const patches = noiseField(random, scene, { cell: 70, octaves: 3, stretch: 4 });
  const green = scene.kind === "country" || scene.kind === "wood" || random() < 0.2;
  const side: Rgb = green ? [92, 112, 52] : pick(random, PAVEMENTS);
  const asphalt = scaled([104, 104, 108], between(random, 0.7, 1.15));
  const vanish = width * between(random, 0.3, 0.7);
  const left = between(random, 1.0, 2.4);
  const right = between(random, 1.0, 2.4);
  const dash = between(random, 0, 1);
  const line = random() < 0.7 ? 0.05 : 0;
  for (let y = Math.max(0, horizon); y < height; y++) {
    const depth = (y - horizon + 0.5) / (height - scene.horizon);
    for (let x = 0; x < width; x++) {
      const u = (x - vanish) / (width * Math.max(depth, 0.004));
      const onRoad = scene.kind !== "wall" && u > -left * 0.5 && u < right * 0.5;
      const noise = rough[y * width + x] - 0.5;
      const shade = 1 + noise * (onRoad ? 0.35 : green ? 0.9 : 0.3) + 0.5 * (patches[y * width + x] - 0.5);
      let colour = scaled(onRoad ? asphalt : side, shade);
      const centre = Math.abs(u - (right - left) * 0.25);
      const dashed = (0.35 / Math.max(depth, 0.01) + dash) % 1 < 0.5;
      const edge = Math.min(Math.abs(u + left * 0.47), Math.abs(u - right * 0.47));
      if (onRoad && line > 0 && ((centre < line / 2 && dashed) || edge < line / 3)) {
        colour = mix(colour, [222, 222, 214], 0.8);
      }
      blend(scene, pixelAt(scene, x, y), scaled(colour, scene.daylight), 1);
    }
  }
}

export function mix(a: Rgb, b: Rgb, t: number): Rgb {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export function scaled(colour: Rgb, factor: number): Rgb {
  return [colour[0] * factor, colour[1] * factor, colour[2] * factor];
}

function clamp01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}
