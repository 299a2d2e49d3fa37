// Seeded damage to texts and bytes, as caused by editors, disks and attackers.

/** A random number generator, uniform in [0, 1) (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (random, limit) => Math.floor(random() * limit);
export const pick = (random, list) => list[below(random, list.length)];

/** Numbers at the limits of types, and other tokens in place of numbers. */
const NUMBERS =
  '0 -0 -1 0.5 1e-300 1e-6 1e6 1e9 1e308 1e309 -1e309 NaN Infinity null true 65536 2147483648 4294967296 9007199254740993 "" [] {}'.split(
    " ",
  );

/** Pieces of text that have a meaning in some format. */
const PIECES = [
  ...["<object>", "</object>", "<bndbox/>", "<![CDATA[", "]]>", "<!--", "<!DOCTYPE a>", "&lt;", "&#0;"],
  ...["<name>__proto__</name>", "../", "/", "\0", "\u001b[2J", "\u202e", "\ufeff", "\r\n", "\n", "\t", " "],
  ...[
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "- ",
    "&a *a",
    "!!js/function",
    "\ud800",
    "\u0661",
    "9".repeat(5000),
  ],
  "<a>".repeat(500),
];

/** Makes one to four changes to a text. */
export function mutateText(text, random) {
  let out = text;
  for (let left = 1 + below(random, 4); left > 0; left--) {
    const at = below(random, out.length + 1);
    const length = below(random, 1 + Math.min(200, out.length - at));
    const before = out.slice(0, at);
    const after = out.slice(at + length);
    const numbers = [...out.matchAll(/-?\d+(\.\d+)?/g)];
    const change = below(random, 6);
    if (change === 0) out = before + pick(random, PIECES) + out.slice(at);
    else if (change === 1) out = before + after;
    else if (change === 2) out = before + out.slice(at, at + length) + out.slice(at);
    else if (change === 3) out = before + String.fromCharCode(below(random, 256)) + out.slice(at + 1);
    else if (change === 4 && random() < 0.2) out = before;
    else if (numbers.length > 0) {
      const { index, 0: found } = pick(random, numbers);
      out = out.slice(0, index) + pick(random, NUMBERS) + out.slice(index + found.length);
    }
  }
  return out;
}

/** Makes one to six changes to bytes, at least half of them among the first 500, where headers are. */
export function mutateBytes(bytes, random) {
  let out = Buffer.from(bytes);
  for (let left = 1 + below(random, 6); left > 0 && out.length > 0; left--) {
    const at = below(random, random() < 0.5 ? Math.min(out.length, 500) : out.length);
    const length = 1 + below(random, 100);
    const change = below(random, 6);
    if (change === 0) out[at] = below(random, 256);
    else if (change === 1) out[at] ^= 1 << below(random, 8);
    else if (change === 2) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]);
    else if (change === 3) out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]);
    else if (change === 4 && random() < 0.3) out = out.subarray(0, at);
    else if (at + 4 <= out.length) out.writeUInt32LE(pick(random, [0, 1, 65535, 0x7fffffff, 0xffffffff]), at);
  }
  return out;
}
