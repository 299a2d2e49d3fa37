// Reads stored feature maps from a file directly into a batch.
import type { DType, Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

/** A map in a file: the position of its first byte, its checksum (crc32c), and its size in cells. */
export interface StoredMap {
  at: number;
  checksum: number;
  height: number;
  width: number;
}

const readMapsOf = ownOperator("qmimic::read_maps");
/**
 * Reads maps from an open file into one batch, each with its corner at the given row and column, which may be outside
 * the batch's map; 0 elsewhere.
 * @param file descriptor, as returned by node:fs openSync
 * @param maps [channels, height, width] of `dtype` each
 * @returns [B, channels, height, width], on the CPU
 * @throws if the file cannot be read, ends before a map does, or does not match a checksum
 */
export const readMaps = (
  file: number,
  maps: readonly StoredMap[],
  rows: readonly number[],
  columns: readonly number[],
  [channels, height, width]: readonly [number, number, number],
  dtype: DType,
): Tensor =>
  readMapsOf(
    file,
    maps.map((map) => map.at),
    maps.map((map) => map.checksum),
    maps.map((map) => map.height),
    maps.map((map) => map.width),
    rows,
    columns,
    channels,
    height,
    width,
    dtype,
  );
