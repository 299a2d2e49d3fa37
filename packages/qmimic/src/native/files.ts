// What Node lacks for files shared between processes: kernel file locks, and a fast checksum.
import { addon } from "./native.js";

/**
 * Takes an exclusive lock on an open file (flock), without waiting. The lock belongs to the open file, not to the
 * process: two open files of one process exclude each other too. It is released when the file is closed, or the process
 * ends in any way. It also works across containers, and across machines if the file system supports it (on NFS, open
 * the file for writing).
 * @param file descriptor, as returned by node:fs openSync
 * @returns false if another open file has the lock
 * @throws Error if the file system does not support locks
 */
export const tryLockFile = (file: number): boolean => addon().tryLockFile(file);

/** Releases the lock taken by tryLockFile. */
export const unlockFile = (file: number): void => addon().unlockFile(file);

/**
 * CRC-32C (RFC 3720), the checksum used by readMaps.
 * @param before checksum of the preceding bytes, to continue from
 * @returns 0..2^32 - 1
 */
export const crc32c = (data: Uint8Array, before = 0): number => addon().crc32c(data, before);
