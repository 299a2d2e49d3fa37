// Signals that end the process though native code is running.
import { addon } from "./native.js";

/**
 * Of SIGINT and SIGTERM the first goes to the handlers that Node has at this moment, when native code has returned; the
 * second ends the process at once, with 128 and its number as exit code.
 */
export const endAtSecondSignal = (): void => addon().endAtSecondSignal();
