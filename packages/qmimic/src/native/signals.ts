// Lets signals end the process while native code is running.
import { addon } from "./native.js";

/**
 * The first SIGINT or SIGTERM goes to Node's current handlers, once native code returns; the second one ends the
 * process immediately, with 128 plus its number as the exit code.
 */
export const endAtSecondSignal = (): void => addon().endAtSecondSignal();
