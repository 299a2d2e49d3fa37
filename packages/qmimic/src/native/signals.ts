// Lets signals end the process while native code is running.
import { addon } from "./native.js";

/**
 * The first SIGINT and the first SIGTERM are passed to Node's current handlers once native code has returned; the second of
 * one kind ends the process immediately, with exit code 128 + its number.
 */
export const endAtSecondSignal = (): void => addon().endAtSecondSignal();
