/** The environment variable QMIMIC_ISA cannot be followed. The message has its value, and what is expected. */
export class IsaError extends Error {
  override name = "IsaError";
}
