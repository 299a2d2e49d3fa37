// Seeded random numbers: sfc32 (Chris Doty-Humphrey, PractRand), its state hashed from the seed.

/**
 * A generator of uniform numbers in [0, 1), 32 random bits each, the same on every machine for the same seed.
 * sfc32 passes PractRand and has a period of about 2^128 on average; it is not for secrets. Seeds are numbers
 * or strings ("run/epoch 3"), which makes independent streams easy; the number 7 and the string "7" give
 * different streams.
 */
export function createRandom(seed: number | string): () => number {
  const hash = hasher(`${typeof seed}:${seed}`);
  let a = hash();
  let b = hash();
  let c = hash();
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 4294967296;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) next();
  return next;
}

/** A shuffled copy (Fisher-Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

/** MurmurHash3's mixing over the characters, then one finalised 32-bit word per call. */
function hasher(text: string): () => number {
  let h = 1779033703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  return () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    h ^= h >>> 16;
    return h | 0;
  };
}
