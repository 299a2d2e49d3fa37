// Value noise: random numbers on a lattice, smoothly interpolated, summed over octaves.
import type { Size } from "@qmimic/runtime";

/** Uniform from `low` to `high`. */
export function between(random: () => number, low: number, high: number): number {
  return low + (high - low) * random();
}

/** One of the items, uniformly. */
export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.min(Math.floor(random() * items.length), items.length - 1)];
}

/** Approximately normal: mean 0, standard deviation 1 (the sum of four uniform numbers; the tails end at 3.5). */
export function gaussian(random: () => number): number {
  return (random() + random() + random() + random() - 2) * 1.7320508;
}

export interface NoiseOptions {
  /** Width of the features of the first octave, in pixels. */
  cell: number;
  /** Each has half the size and half the amplitude of the one before. */
  octaves: number;
  /** Width of the features relative to their height. Default 1. */
  stretch?: number;
}

/** A width x height field in 0..1 with mean 0.5. */
export function noiseField(
  random: () => number,
  { width, height }: Size,
  { cell, octaves, stretch = 1 }: NoiseOptions,
): Float32Array {
  const field = new Float32Array(width * height);
  let strength = 1;
  let total = 0;
  for (let octave = 0; octave < octaves; octave++) {
    const cellX = Math.max(1, cell / 2 ** octave);
    const cellY = Math.max(1, cellX / stretch);
    addOctave(random, field, { width, height }, { cellX, cellY, strength });
    total += strength;
    strength /= 2;
  }
  for (let i = 0; i < field.length; i++) field[i] /= total;
  return field;
}

function addOctave(
  random: () => number,
  field: Float32Array,
  { width, height }: Size,
  { cellX, cellY, strength }: { cellX: number; cellY: number; strength: number },
): void {
  const columns = Math.ceil(width / cellX) + 2;
  const rows = Math.ceil(height / cellY) + 2;
  const lattice = Float32Array.from({ length: columns * rows }, () => random() * strength);
  const shiftX = random();
  const shiftY = random();
  for (let y = 0; y < height; y++) {
    const v = y / cellY + shiftY;
    const row = Math.floor(v);
    const fy = smooth(v - row);
    for (let x = 0; x < width; x++) {
      const u = x / cellX + shiftX;
      const column = Math.floor(u);
      const fx = smooth(u - column);
      const i = row * columns + column;
      const upper = lattice[i] + (lattice[i + 1] - lattice[i]) * fx;
      const lower = lattice[i + columns] + (lattice[i + columns + 1] - lattice[i + columns]) * fx;
      field[y * width + x] += upper + (lower - upper) * fy;
    }
  }
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}
