export const NODE_FLAGS: readonly string[];

export function compare(networks: readonly (readonly (number | string)[])[]): Promise<Result[]>;

export interface Result {
  name: string;
  /** How many are computed with bytes. */
  layers: number;
  /** Fraction of cells above 0. */
  nonzero: number;
  /** Largest difference, in steps of the rounding. */
  worst: number;
  /** Fraction of cells that differ. */
  differ: number;
  /** Largest difference of a convolution of the input that is not rounded. */
  floats: number;
}
