// Reads stored feature maps from a file directly into a batch.
import type { DType, Tensor } from "@qmimic/torch";
import { ownOperator } from "./native.js";

/** A map in a file: byte offset, checksum (crc32c), and size in cells. */
export interface StoredMap {
  at: number;
  checksum: number;
  height: number;
  width: number;
}

const readMapsOf = ownOperator("qmimic::read_maps");
/**
 * Reads maps from an open file into one batch, each with its top left corner at a row and column, which may be outside;
 * 0 outside the maps.
 * @param file descriptor, for instance from openSync of node:fs
 * @param maps [channels, height, width] of `dtype` each
 * @param corners of the maps in the batch
 * @param batch the shape of one image, [channels, height, width], and the type of all
 * @returns [B, channels, height, width], on the CPU
 * @throws if the file cannot be read, ends before a map does, or a checksum does not match
 */
export const readMaps = (
  file: number,
  maps: readonly StoredMap[],
  corners: { rows: readonly number[]; columns: readonly number[] },
  batch: { shape: readonly [channels: number, height: number, width: number]; dtype: DType },
): Tensor =>
  readMapsOf(
    file,
    maps.map((map) => map.at),
    maps.map((map) => map.checksum),
    maps.map((map) => map.height),
    maps.map((map) => map.width),
    corners.rows,
    corners.columns,
    ...batch.shape,
    batch.dtype,
  );
