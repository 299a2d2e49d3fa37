// Embeds bytes as text in an HTML page, compressed. Base64 is a third larger than the bytes, this encoding a seventh:
// each single-byte UTF-8 character encodes seven bits. Three characters have a meaning in HTML; instead of such a
// character and the one after it, a two-byte character is written, which adds no bytes (base 122: Albertson, 2016).
import { constants, deflateRawSync } from "node:zlib";

/** Characters that are unsafe in a script element: NUL and CR are replaced, "<" may start the end tag. */
const UNSAFE = [0x00, 0x0d, 0x3c];
/** The code of a two-byte character is 128 (2 + index in UNSAFE) + the next seven bits. */
const FIRST = 2;

/** Encodes seven bits per character; the last is padded with zeros. */
export function toText(bytes: Uint8Array): string {
  const septets: number[] = [];
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 7) {
      bits -= 7;
      septets.push((held >> bits) & 127);
    }
    held &= 127;
  }
  if (bits > 0) septets.push((held << (7 - bits)) & 127);
  const characters: string[] = [];
  for (let i = 0; i < septets.length; i++) {
    const unsafe = UNSAFE.indexOf(septets[i]);
    if (unsafe < 0) characters.push(String.fromCharCode(septets[i]));
    else characters.push(String.fromCharCode(((FIRST + unsafe) << 7) | (septets[++i] ?? 0)));
  }
  return characters.join("");
}

/**
 * Regroups the bytes of float32 numbers as four rows: all first bytes, then all second bytes, and so on, after rotating
 * each number by one bit so that its exponent is one byte. They compress better, because exponents are similar.
 */
function toPlanes(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.length / 4);
  const words = new Uint8Array(4 * count);
  words.set(bytes);
  const view = new DataView(words.buffer);
  const planes = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) {
    const word = view.getUint32(4 * i, true);
    const rotated = (word << 1) | (word >>> 31);
    for (let row = 0; row < 4; row++) planes[row * count + i] = rotated >>> (8 * row);
  }
  return planes;
}

/**
 * A script element that contains bytes, for UNPACK's function: those from `floats` on regrouped in four rows, or all
 * unchanged, whichever is smaller.
 * @param id of the element
 * @param floats where float32 numbers begin
 */
export function packedElement(id: string, bytes: Uint8Array, floats = 0): string {
  const deflate = (data: Uint8Array) =>
    deflateRawSync(data, { level: constants.Z_BEST_COMPRESSION, memLevel: 9 });
  const regrouped = Buffer.concat([bytes.subarray(0, floats), toPlanes(bytes.subarray(floats))]);
  const [whole, planes] = [bytes, regrouped].map(deflate);
  const [from, packed] = planes.length < whole.length ? [floats, planes] : [bytes.length, whole];
  const sizes = `data-bytes="${bytes.length}" data-packed="${packed.length}" data-floats="${from}"`;
  return `<script type="text/plain" id="${id}" ${sizes}>${toText(packed)}</script>`;
}

/** The page's function that decodes such an element; returns a promise of its bytes. */
export const UNPACK = `
async function unpack(id) {
  const { dataset, textContent } = document.getElementById(id);
  const { bytes, packed, floats } = dataset;
  const data = new Uint8Array(Number(packed) + 2);
  let held = 0, bits = 0, at = 0;
  const push = (septet) => {
    held = (held << 7) | septet;
    bits += 7;
    if (bits >= 8) { bits -= 8; data[at++] = held >> bits; }
    held &= 127;
  };
  for (let i = 0; i < textContent.length; i++) {
    const code = textContent.charCodeAt(i);
    if (code > 127) push([${UNSAFE.join(", ")}][(code >> 7) - ${FIRST}]);
    push(code & 127);
  }
  const stream = new Blob([data.subarray(0, packed)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const inflated = new Uint8Array(await new Response(stream).arrayBuffer());
  const from = Number(floats), count = (inflated.length - from) >> 2;
  const view = new DataView(new ArrayBuffer(from + 4 * count));
  for (let i = 0; i < from; i++) view.setUint8(i, inflated[i]);
  for (let i = 0; i < count; i++) {
    let rotated = 0;
    for (let row = 3; row >= 0; row--) rotated = (rotated << 8) | inflated[from + row * count + i];
    view.setUint32(from + 4 * i, (rotated >>> 1) | (rotated << 31), true);
  }
  return new Uint8Array(view.buffer, 0, Number(bytes));
}
`;
