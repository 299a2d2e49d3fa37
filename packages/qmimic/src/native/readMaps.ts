// Stored feature maps, from a file straight to their places in a batch.
import type { DType, Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

/** A map of a file: where its bytes begin, their checksum (crc32c), and its cells. */
export interface StoredMap {
  at: number;
  checksum: number;
  height: number;
  width: number;
}

const readMapsOf = ownOperator("qmimic::read_maps");
/**
 * Maps from an open file in one batch: each with its corner at a row and a column, which may lie outside; 0 where no map is.
 * @param file descriptor, as from node:fs openSync
 * @param maps [channels, height, width] of `dtype` each
 * @returns [B, channels, height, width], on the processor
 * @throws when the file cannot be read, ends before a map does, or holds other bytes than the checksum is of
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
