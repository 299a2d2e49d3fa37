// What Node lacks for files that processes share: locks of the kernel, and a fast checksum.
import { addon } from "./native.js";

/**
 * Takes the exclusive lock of an open file (flock), without waiting. It belongs to the open file, not to the process: two
 * that a process opened exclude each other too. Closing the file releases it, as the end of the process does, however it
 * ended. Processes in other containers see it, other machines where the file system carries it (on NFS, open the file for
 * writing).
 * @param file descriptor, as from node:fs openSync
 * @returns false when another open file has it
 * @throws Error where the file system has no locks
 */
export const tryLockFile = (file: number): boolean => addon().tryLockFile(file);

/** Releases what tryLockFile took. */
export const unlockFile = (file: number): void => addon().unlockFile(file);

/**
 * CRC-32C (RFC 3720), as the checksums of readMaps.
 * @param before checksum of the bytes in front, to go on from
 * @returns 0..2^32 - 1
 */
export const crc32c = (data: Uint8Array, before = 0): number => addon().crc32c(data, before);
