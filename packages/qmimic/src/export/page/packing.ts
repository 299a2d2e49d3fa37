// Bytes as text inside an HTML page, compressed. Base64 takes a third more than the bytes, this a seventh: each character of one byte in
// UTF-8 holds seven bits. Three characters mean something to HTML; one of two bytes stands for such a character and the one
// after it, so that nothing is lost by them (base 122: Albertson, 2016).
import { constants, deflateRawSync } from "node:zlib";

/** Characters that the text of a script element does not keep: NUL and CR are replaced, "<" may begin the end of the element. */
const UNSAFE = [0x00, 0x0d, 0x3c];
/** The code of a two-byte character is 128 (2 + index in UNSAFE) + the seven bits that follow. */
const FIRST = 2;

/** Seven bits a character; the last is filled up with zeros. */
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

/** Bytes of float32 numbers as four rows, the first bytes of all, then the second: signs and exponents are much alike. */
function toPlanes(bytes: Uint8Array): Uint8Array {
  const count = Math.ceil(bytes.length / 4);
  const planes = new Uint8Array(4 * count);
  bytes.forEach((byte, i) => {
    planes[(i % 4) * count + (i >> 2)] = byte;
  });
  return planes;
}

/**
 * A script element that holds bytes, for UNPACK's function: by rows of four or as they are, whichever is shorter.
 * @param id of the element
 */
export function packedElement(id: string, bytes: Uint8Array): string {
  const deflate = (data: Uint8Array) =>
    deflateRawSync(data, { level: constants.Z_BEST_COMPRESSION, memLevel: 9 });
  const [whole, planes] = [bytes, toPlanes(bytes)].map(deflate);
  const [rows, packed] = planes.length < whole.length ? [4, planes] : [1, whole];
  const sizes = `data-bytes="${bytes.length}" data-packed="${packed.length}" data-rows="${rows}"`;
  return `<script type="text/plain" id="${id}" ${sizes}>${toText(packed)}</script>`;
}

/** The page's function that gives the bytes of such an element, as a promise. */
export const UNPACK = `
async function unpack(id) {
  const { dataset, textContent } = document.getElementById(id);
  const { bytes, packed, rows } = dataset;
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
  if (rows === "1") return inflated;
  const count = inflated.length / 4;
  return Uint8Array.from({ length: Number(bytes) }, (_, i) => inflated[(i % 4) * count + (i >> 2)]);
}
`;
