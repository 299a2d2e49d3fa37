// Distractors: things that are not signs but share their colours and shapes, as SVG.
import { between, pick } from "./noise.js";
import { type Rgb, type Scene, scaled } from "./scene.js";
import type { Point } from "./signs.js";
import { fill, polygonAt, regularAt } from "./svg.js";

/** One of the signs' colours, or a plain one. */
const LIVELY: Rgb[] = [
  [196, 34, 40],
  [214, 60, 48],
  [24, 88, 168],
  [240, 190, 40],
  [236, 236, 230],
  [40, 120, 70],
  [230, 120, 30],
];

/** Something that is not a sign. */
export function drawDistractor(random: () => number, scene: Scene): string {
  const light = scene.daylight * between(random, 0.7, 1.1);
  const colour = scaled(pick(random, LIVELY), light);
  const unit = Math.max(scene.width, scene.height) / 320;
  const x = between(random, 0, scene.width);
  const size = between(random, 6, 24) * unit;
  const wall = scene.kind === "wall";
  const y = wall ? between(random, 0, scene.height) : scene.horizon - size * between(random, 0, 3.5);
  const spot: Spot = { x, y, size, colour, light, scene };
  if (scene.kind === "wall") return pick(random, [panel, panel, disc, lamp])(random, spot);
  const thing = pick(random, [car, car, panel, awning, disc, disc, lamp, bin, trunk, gable]);
  const stands = thing === panel || thing === lamp || (thing === disc && random() < 0.8);
  return (stands ? stand(random, spot) : "") + thing(random, spot);
}

interface Spot {
  x: number;
  y: number;
  size: number;
  colour: Rgb;
  light: number;
  scene: Scene;
}

/** The post of a hanging thing, which is drawn over its upper end. */
function stand(random: () => number, { x, y, size, light, scene }: Spot): string {
  const w = Math.max(1, size * 0.08);
  const ground = Math.max(scene.horizon, y) + size * between(random, 1, 2.5);
  return fill(
    polygonAt({ x, base: ground, width: w, height: ground - y - size * 0.2 }, "-0.5,0 -0.5,-1 0.5,-1 0.5,0"),
    scaled([110, 110, 108], light),
  );
}

function car(random: () => number, { x, size, colour, light, scene }: Spot): string {
  const h = size * 1.3;
  const w = h * between(random, 1.2, 2.6);
  const base = scene.horizon + h * between(random, 0.9, 1.3);
  const place = { x, base, width: w, height: h };
  const body = polygonAt(
    place,
    "-0.5,-0.1 -0.5,-0.52 -0.34,-0.58 -0.24,-0.98 0.24,-0.98 0.36,-0.58 0.5,-0.5 0.5,-0.1",
  );
  const glass = polygonAt(place, "-0.28,-0.6 -0.2,-0.9 0.2,-0.9 0.3,-0.6");
  const wheel = (at: number): string => fill(regularAt(x + at * w, base - h * 0.12, h * 0.17), [24, 24, 26]);
  const lights = [-0.44, 0.44].map((at) =>
    fill(regularAt(x + at * w, base - h * 0.42, h * 0.06), random() < 0.5 ? [220, 40, 36] : [250, 244, 210]),
  );
  const shadow = `<ellipse cx="${x}" cy="${base}" rx="${w * 0.55}" ry="${h * 0.1}" fill="#000" fill-opacity="0.45"/>`;
  return (
    shadow +
    fill(body, colour) +
    fill(glass, scaled([60, 74, 88], light)) +
    wheel(-0.3) +
    wheel(0.3) +
    lights.join("")
  );
}

/** A billboard or shop sign: a rectangle with a field and bars like lines of text. */
function panel(random: () => number, { x, y, size, colour, light }: Spot): string {
  const w = size * between(random, 0.8, 2.6);
  const h = size * between(random, 0.5, 1.6);
  const left = x - w / 2;
  const box = (dx: number, dy: number, ww: number, hh: number): Point[] => [
    [left + dx, y + dy],
    [left + dx + ww, y + dy],
    [left + dx + ww, y + dy + hh],
    [left + dx, y + dy + hh],
  ];
  const ink = scaled(pick(random, LIVELY), light);
  let out = fill(box(0, 0, w, h), colour);
  const rows = Math.floor(between(random, 1, 4));
  for (let i = 0; i < rows; i++) {
    const width = w * between(random, 0.3, 0.8);
    out += fill(box(w * 0.1, h * (0.15 + (0.75 * i) / rows), width, (h * 0.4) / rows), ink);
  }
  return out;
}

function awning(random: () => number, { x, size, colour, light, scene }: Spot): string {
  const w = size * between(random, 2, 5);
  const h = size * between(random, 0.4, 0.7);
  const top = scene.horizon - size * between(random, 0.4, 1.2);
  const stripes = Math.round(between(random, 4, 10));
  let out = "";
  for (let i = 0; i < stripes; i++) {
    const from = x + (w * i) / stripes;
    const to = x + (w * (i + 1)) / stripes;
    const slant = w * 0.04 * (i - stripes / 2);
    const tone = i % 2 ? scaled([232, 230, 222], light) : colour;
    const ring: Point[] = [
      [from, top],
      [to, top],
      [to + slant, top + h],
      [from + slant, top + h],
    ]; // One stripe.
    out += fill(ring, tone);
  }
  return out;
}

/** A round thing of a sign's colour: balloon, lamp, round advertisement, the back of a sign. */
function disc(random: () => number, { x, y, size, colour, light }: Spot): string {
  const r = size * between(random, 0.25, 0.7);
  const inner = scaled(pick(random, LIVELY), light);
  const ring = regularAt(x, y, r, between(random, 0.7, 1));
  const style = random();
  if (style < 0.3)
    return (
      fill(ring, scaled([130, 132, 134], light)) +
      fill(regularAt(x, y, r * 0.9), scaled([150, 152, 154], light))
    );
  if (style < 0.6)
    return fill(ring, colour) + fill(regularAt(x - r * 0.3, y - r * 0.35, r * 0.25), [255, 255, 255], 0.35);
  return fill(ring, colour) + fill(regularAt(x, y, r * between(random, 0.3, 0.7)), inner);
}

function lamp(random: () => number, { x, y, size, light }: Spot): string {
  const w = size * 0.42;
  const on = Math.floor(between(random, 0, 3));
  const lights: Rgb[] = [
    [230, 40, 36],
    [250, 190, 40],
    [60, 210, 110],
  ];
  const box: Point[] = [
    [x - w / 2, y],
    [x + w / 2, y],
    [x + w / 2, y + w * 2.6],
    [x - w / 2, y + w * 2.6],
  ]; // The case.
  const lens = lights.map((tone, i) =>
    fill(regularAt(x, y + w * (0.5 + i * 0.8), w * 0.32), i === on ? tone : scaled(tone, 0.22 * light)),
  );
  return fill(box, scaled([34, 36, 38], light)) + lens.join("");
}

function bin(random: () => number, { x, size, colour, light, scene }: Spot): string {
  const h = size * 0.8;
  const base = scene.horizon + h * between(random, 1, 2);
  const place = { x, base, width: h * 0.7, height: h };
  const body = polygonAt(place, "-0.4,0 -0.5,-0.8 0.5,-0.8 0.4,0");
  return (
    fill(body, colour) +
    fill(polygonAt(place, "-0.56,-0.8 -0.5,-1 0.5,-1 0.56,-0.8"), scaled([50, 50, 52], light))
  );
}

function trunk(random: () => number, { x, size, light, scene }: Spot): string {
  const w = size * between(random, 0.2, 0.7);
  const base = scene.horizon + size * between(random, 0.5, 3);
  const bark = scaled([74, 58, 44], light * between(random, 0.6, 1.2));
  const place = { x, base, width: w, height: base + 10 };
  return (
    fill(polygonAt(place, "-0.6,0 -0.38,-1 0.38,-1 0.6,0"), bark) +
    fill(polygonAt(place, "0.1,0 0.1,-1 0.38,-1 0.6,0"), scaled(bark, 0.65))
  );
}

/** A red roof: a triangle that is not a sign. */
function gable(random: () => number, { x, size, light, scene }: Spot): string {
  const w = size * between(random, 1.5, 3.5);
  const h = size * between(random, 0.8, 1.6);
  const base = scene.horizon + size * between(random, 0, 0.3);
  const roof = scaled(
    pick<Rgb>(random, [
      [164, 62, 48],
      [120, 60, 50],
      [92, 90, 96],
    ]),
    light,
  ); // Tiles or slate.
  const place = { x, base, width: w, height: h };
  return (
    fill(polygonAt(place, "-0.42,0 -0.42,-0.5 0.42,-0.5 0.42,0"), scaled([206, 196, 176], light)) +
    fill(polygonAt(place, "-0.52,-0.45 0,-1 0.52,-0.45"), roof)
  );
}
