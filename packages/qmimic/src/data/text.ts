// Bytes of label files to text: byte order mark, XML declaration, UTF-8 otherwise; never a replacement character.
import { open } from "node:fs/promises";
import { InputError, reasonOf } from "../errors.js";
import { readBytes, requireFile } from "../files.js";
import { quoted } from "../text.js";

/** What the first bytes say: encodings by their byte order mark. */
const MARKS: readonly [string, readonly number[]][] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/**
 * Decodes by the byte order mark, else by the encoding of an XML declaration, else as UTF-8 (UTF-16 without a mark is
 * recognized by its zero bytes).
 * @param file names it in messages
 * @throws InputError for an encoding that is not known, and for bytes that are not of the encoding, with their offset
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  const { encoding, from } = encodingOf(bytes);
  try {
    new TextDecoder(encoding);
  } catch {
    throw new InputError(`${file}: the encoding ${quoted(encoding)} is not known. Save the file as UTF-8.`);
  }
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    const offset = firstUndecodable(bytes, encoding);
    const hex = bytes[offset]?.toString(16).padStart(2, "0") ?? "end of file";
    throw new InputError(
      `${file}: the byte ${hex} at offset ${offset} is not ${encoding.toUpperCase()} (${from}). Save the file as UTF-8, or declare the encoding that it has.`,
    );
  }
}

function encodingOf(bytes: Uint8Array): { encoding: string; from: string } {
  for (const [encoding, mark] of MARKS) {
    if (mark.every((byte, i) => bytes[i] === byte)) return { encoding, from: "by its byte order mark" };
  }
  if (bytes.length > 1 && (bytes[0] === 0) !== (bytes[1] === 0)) {
    return { encoding: bytes[0] === 0 ? "utf-16be" : "utf-16le", from: "by its zero bytes" };
  }
  const start = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const declared = /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1].toLowerCase();
  // A file whose declaration can be read byte by byte is not UTF-16, whatever it says.
  if (declared === undefined || declared.startsWith("utf-16")) {
    return { encoding: "utf-8", from: "which text without a declaration has to be" };
  }
  return { encoding: declared, from: "as it declares" };
}

/** The longest prefix that decodes ends there. */
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
 * @param limit bytes beyond which the file is refused
 * @throws InputError when it cannot be read or decoded, or is too large
 */
export async function readText(file: string, limit = 100e6): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readBytes(file, limit);
  } catch (error) {
    throw new InputError(`${file}: the file cannot be read: ${reasonOf(error)}. Remove or replace it.`);
  }
  return decodeText(bytes, file);
}

/**
 * The start of a file, a character a byte, without byte order marks and the zeros of UTF-16: enough to tell formats apart.
 * @throws InputError when it cannot be read
 */
export async function readStart(file: string, bytes: number): Promise<string> {
  const handle = await requireFile(file)
    .then(() => open(file))
    .catch((error: unknown) => {
      throw new InputError(`${file}: the file cannot be read: ${reasonOf(error)}. Remove or replace it.`);
    });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    const text = buffer.toString("latin1", 0, bytesRead);
    return text.replace(/^[\xef\xbb\xbf\xff\xfe]+/, "").replaceAll("\0", "");
  } finally {
    await handle.close();
  }
}

/** Lines as any system ends them. */
export const splitLines = (text: string): string[] => text.split(/\r\n|\n|\r/);
