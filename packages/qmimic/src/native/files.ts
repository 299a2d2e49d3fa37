// File functions that Node lacks: kernel locks, and a fast checksum.
import { addon } from "./native.js";

/**
 * Takes an exclusive lock on an open file (flock), without waiting. The lock belongs to the open file, not to the
 * process: two open files of the same process also exclude each other. It is released when the file is closed or the
 * process ends, even by a crash. Processes in other containers see the lock, and those on other machines do if the file
 * system supports it (on NFS, open the file for writing).
 * @param file descriptor, for instance from openSync of node:fs
 * @returns false if another open file holds the lock
 * @throws Error if the file system does not support locks
 */
export const tryLockFile = (file: number): boolean => addon().tryLockFile(file);

/** Releases the lock taken by tryLockFile. */
export const unlockFile = (file: number): void => addon().unlockFile(file);

/**
 * CRC-32C (RFC 3720): the checksum of every stored record, which readMaps verifies too, and of every index entry.
 * @param before checksum of the preceding bytes, to continue from
 * @returns 0..2^32 - 1
 */
export const crc32c = (data: Uint8Array, before = 0): number => addon().crc32c(data, before);
