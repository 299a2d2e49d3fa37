// Counts the multiply-adds of convolutions and linear layers while a body runs.

let counted: number | null = null;

/** The number of multiply-adds of all convolutions and linear layers that run inside `body`. */
export function countMultiplyAdds(body: () => void): number {
  const before = counted;
  counted = 0;
  try {
    body();
    return counted;
  } finally {
    counted = before;
  }
}

/** Called by the layers. `cost` is computed only while counting. */
export function count(cost: () => number): void {
  if (counted !== null) counted += cost();
}
