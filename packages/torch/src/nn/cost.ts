// Counts the multiply-adds of convolutions and linear layers while a body runs.

let counted: number | null = null;

/** Multiply-adds of all convolutions and linear layers that run inside `body`. */
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

/** Called by the layers. `cost` is only worked out when somebody counts. */
export function count(cost: () => number): void {
  if (counted !== null) counted += cost();
}
