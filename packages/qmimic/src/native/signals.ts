// Lets signals end the process while native code is running.
import { addon } from "./native.js";

/**
 * The first SIGINT or SIGTERM is passed to Node's current handlers once native code has returned; the second ends the
 * process immediately, with exit code 128 + its number.
 */
export const endAtSecondSignal = (): void => addon().endAtSecondSignal();
