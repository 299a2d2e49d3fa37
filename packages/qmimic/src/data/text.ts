// Decodes label files by byte order mark or XML declaration, else as UTF-8; never produces replacement
// characters.
import { open } from "node:fs/promises";
import { InputError, reasonOf } from "../errors.js";
import { readBytes, requireFile } from "../files.js";
import { quoted } from "../text.js";

/** Encodings by byte order mark. */
const MARKS: readonly [string, readonly number[]][] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/**
 * Decodes by byte order mark, else XML declaration, else as UTF-8 (UTF-16 without a mark is recognized by its
 * zero bytes).
 * @param file name for messages
 * @throws InputError for an unknown encoding, and for invalid bytes, with their offset
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  const { encoding, from } = encodingOf(bytes);
  try {
    new TextDecoder(encoding);
  } catch {
    throw new InputError(`${file}: unknown encoding ${quoted(encoding)}. Save the file as UTF-8.`);
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const offset = firstUndecodable(bytes, encoding);
    const hex = bytes[offset]?.toString(16).padStart(2, "0") ?? "end of file";
    throw new InputError(
      `${file}: the byte ${hex} at offset ${offset} is not valid ${encoding.toUpperCase()} (${from}). Save the file as UTF-8, or declare its actual encoding.`,
    );
  }
}

function encodingOf(bytes: Uint8Array): { encoding: string; from: string } {
  for (const [encoding, mark] of MARKS) {
    if (mark.every((byte, i) => bytes[i] === byte)) return { encoding, from: "from its byte order mark" };
  }
  if (bytes.length > 1 && (bytes[0] === 0) !== (bytes[1] === 0)) {
    return { encoding: bytes[0] === 0 ? "utf-16be" : "utf-16le", from: "from its zero bytes" };
  }
  const start = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1].toLowerCase();
  // If the declaration can be read byte by byte, the file is not UTF-16, even if it claims to be.
  if (declared === undefined || declared.startsWith("utf-16")) {
    return { encoding: "utf-8", from: "the default without a declaration" };
  }
  return { encoding: declared, from: "as declared" };
}

/** The length of the longest prefix that decodes. */
function firstUndecodable(bytes: Uint8Array, encoding: string): number {
  const decodes = (length: number): boolean => {
    try {
      new TextDecoder(encoding, { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let good = 0;
  let bad = bytes.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (middle <= bytes.length && decodes(middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/**
 * The text of a label file.
 * @param limit maximum bytes
 * @throws InputError if it cannot be read or decoded, or is too large
 */
export async function readText(file: string, limit = 100e6): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(file, limit);
  } catch (error) {
    throw new InputError(`${file}: cannot read the file: ${reasonOf(error)}. Remove or replace it.`);
  }
  return decodeText(bytes, file);
}

/**
 * The start of a file, one character per byte, without byte order marks and UTF-16's zeros: enough to tell
 * formats apart.
 * @throws InputError if it cannot be read
 */
export async function readStart(file: string, bytes: number): Promise<string> {
  const handle = await requireFile(file)
    .then(() => open(file))
    .catch((error: unknown) => {
      throw new InputError(`${file}: cannot read the file: ${reasonOf(error)}. Remove or replace it.`);
    });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    const text = buffer.toString("latin1", 0, bytesRead);
    return text.replace(/^[\xef\xbb\xbf\xff\xfe]+/, "").replaceAll("\0", "");
  } finally {
    await handle.close();
  }
}

/** Splits text into lines; accepts all line endings. */
export const splitLines = (text: string): string[] => text.split(/\r\n|\n|\r/);
