// drawPicture with the kernels, processing a band of rows at a time, so that large pictures need little memory.
import type { Size } from "../decode/keepBest.js";
import { type Axis, drawPicture, type Filters, type RawPicture, sampleAxis } from "../picture/pixels.js";
import type { Placement } from "../picture/placement.js";
import type { Machine } from "./machine.js";
import { aligned, blocksFrom } from "./memory.js";
import type { Plan } from "./plan.js";
import { fillOutside } from "./stemSteps.js";
import { clearZeros } from "./zeros.js";

/** Output rows per band. */
const BAND = 16;

/** The module's memory never shrinks, so pictures that need more of it than this, 128 MiB, are drawn without. */
const MAX_BYTES = 2 ** 27;

/** Draws a picture into the input of the plan. */
export function drawIntoPlanes(
  machine: Machine,
  plan: Plan,
  picture: RawPicture,
  placement: Placement,
): void {
  const draw = bytesFor(picture, placement) > MAX_BYTES ? drawPlainly : drawInBands;
  draw(machine, plan, picture, placement);
  // A picture may be smaller than its canvas.
  if (plan.byteInput) fillOutside(machine, plan.byteInput, placement.size);
  else clearZeros(machine, { ...plan.maps[0]!, ...placement.size })();
}

/** About the memory that drawInBands needs: a band as RGB and RGBA, a line of floats, and weights, two per source position. */
function bytesFor({ width, height }: Size, { scale }: Placement): number {
  const bandRows = Math.min(height, (BAND + 2) / scale);
  return width * (7 * bandRows + 24) + 8 * height;
}

function drawPlainly(machine: Machine, plan: Plan, picture: RawPicture, placement: Placement): void {
  const { width, height } = placement.canvas;
  const planes = new Float32Array(3 * width * height);
  drawPicture(picture, placement, machine.model.input, planes);
  if (plan.byteInput) {
    const { address, row } = plan.byteInput;
    const { mean, std, levels } = machine.model.input;
    for (let y = 0, i = 0; y < height; y++)
      for (let x = 0; x < width; x++, i++)
        for (let c = 0; c < 3; c++)
          machine.bytes[address + 4 * (y * row + x) + c] = Math.round(
            levels * (planes[c * width * height + i] * std[c] + mean[c]),
          );
    return;
  }
  const { address, row, plane } = plan.maps[0]!;
  for (let c = 0, from = 0; c < 3; c++)
    for (let y = 0; y < height; y++, from += width)
      machine.floats.set(planes.subarray(from, from + width), address / 4 + c * plane + y * row);
}

function drawInBands(machine: Machine, plan: Plan, picture: RawPicture, placement: Placement): void {
  const { kernels } = machine;
  const { mean, std, levels } = machine.model.input;
  const { size } = placement;
  const { width, channels } = picture;
  // As plain bytes: copying clamped ones is slow.
  const data = new Uint8Array(picture.data.buffer, picture.data.byteOffset, picture.data.length);
  const { columns, rows } = filtersOf(plan, picture, placement);
  const { byteInput } = plan;
  const unscaled = Math.fround(placement.scale) === 1;
  const pitch = aligned(4 * width);
  // In the memory after the plan: tables, a line of floats, and the rows of a band.
  const { allocate, end } = blocksFrom(plan.end);
  const first = allocate(columns.first.byteLength);
  const columnWeights = allocate(columns.weights.byteLength);
  const rowWeights = allocate(rows.weights.byteLength);
  const gains = allocate(32);
  const line = allocate(4 * pitch);
  // A row of floats before it is rounded to bytes.
  const lineRow = 4 * aligned(size.width);
  const { address, row, plane } = byteInput
    ? { address: allocate(3 * lineRow), row: 0, plane: lineRow / 4 }
    : plan.maps[0]!;
  const bandRows = maxBandRows(rows);
  const rgb = allocate(channels === 3 ? 3 * width * bandRows : 0);
  const band = allocate(pitch * bandRows);
  machine.reserve(end());
  const { bytes, floats } = machine;
  new Int32Array(bytes.buffer, first, columns.first.length).set(columns.first);
  floats.set(columns.weights, columnWeights / 4);
  floats.set(rows.weights, rowWeights / 4);
  for (let c = 0; c < 3; c++) {
    floats[gains / 4 + c] = levels > 0 ? levels / 255 : 1 / (255 * std[c]);
    floats[gains / 4 + 4 + c] = levels > 0 ? 0.5 : -mean[c] / std[c];
  }
  const rowBytes = channels * width;
  for (let top = 0; top < size.height; top += BAND) {
    const bottom = Math.min(size.height, top + BAND);
    const begin = rows.first[top];
    const stop = rows.first[bottom - 1] + rows.taps;
    const source = data.subarray(rowBytes * begin, rowBytes * stop);
    if (channels === 3) {
      bytes.set(source, rgb);
      for (let y = 0; y < stop - begin; y++) kernels.rgbToRgba(rgb + y * rowBytes, band + y * pitch, width);
    } else {
      if (rowBytes === pitch) bytes.set(source, band);
      else
        for (let y = 0; y < stop - begin; y++)
          bytes.set(source.subarray(y * rowBytes, (y + 1) * rowBytes), band + y * pitch);
      kernels.overBlack(band, (stop - begin) * pitch);
    }
    for (let y = top; y < bottom; y++) {
      const from = band + (rows.first[y] - begin) * pitch;
      const to = address + 4 * y * row;
      const toBytes = byteInput && byteInput.address + 4 * y * byteInput.row;
      if (toBytes !== undefined && unscaled) {
        machine.stem!.kernels.halveBytes(from, toBytes, 4 * size.width);
        continue;
      }
      if (unscaled) kernels.spreadRow(from, width, gains, to, 4 * plane);
      else {
        kernels.sumRows(from, pitch, rows.taps, rowWeights + 4 * y * rows.taps, width, line);
        kernels.sumColumns(line, first, columnWeights, columns.taps, size.width, gains, to, 4 * plane);
      }
      if (toBytes !== undefined) machine.stem!.kernels.bytesOfFloats(to, toBytes, size.width, 4 * plane);
      else if (levels > 0)
        for (let c = 0; c < 3; c++)
          kernels.quantizeRow(to + 4 * c * plane, size.width, 1 / (levels * std[c]), -mean[c] / std[c]);
    }
  }
}

/** Kept in the plan, because consecutive pictures usually have the same size. */
function filtersOf(plan: Plan, { width, height }: Size, { scale, size }: Placement): Filters {
  if (plan.filters?.width !== width || plan.filters.height !== height) {
    const columns = sampleAxis(width, size.width, scale);
    const rows = sampleAxis(height, size.height, scale);
    plan.filters = { width, height, columns, rows };
  }
  return plan.filters;
}

/** The maximum number of picture rows that any band reads. */
function maxBandRows({ first, taps }: Axis): number {
  let max = 0;
  for (let top = 0; top < first.length; top += BAND)
    max = Math.max(max, first[Math.min(first.length, top + BAND) - 1] - first[top] + taps);
  return max;
}
