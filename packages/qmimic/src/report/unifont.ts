// Text in any script, also on machines without fonts: GNU Unifont has a glyph for every character of the Basic
// Multilingual Plane. Its package contains WOFF, but sharp's text needs TrueType: the same tables, uncompressed.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { cacheFolder } from "@qmimic/torch/setup";
import sharp from "sharp";
import { writeFileAtomic } from "../files.js";

const PACKAGE = "@fontsource/unifont";
const { resolve } = createRequire(import.meta.url);

export interface TextImage {
  /** A PNG with a transparent background. */
  png: Buffer;
  /** In pixels. */
  width: number;
  height: number;
}

/** Whether the font has every character: letters, marks, digits, punctuation and symbols, but no emoji. */
export const hasGlyphs = (text: string): boolean =>
  /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]+$/u.test(text) && !/[^\0-\uffff]/u.test(text);

/**
 * One line of text.
 * @param size of the font in pixels; capitals are 5/8 as high
 * @throws what node:fs throws if the font cannot be unpacked to the cache folder
 */
export async function textImage(text: string, size: number, colour: string): Promise<TextImage> {
  fontFile ??= unpackFont();
  const escaped = text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
  const { data, info } = await sharp({
    text: {
      text: `<span foreground="${colour}">${escaped}</span>`,
      fontfile: await fontFile,
      font: `Unifont ${size}`,
      // At 72 dpi, a point is a pixel.
      dpi: 72,
      rgba: true,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { png: data, width: info.width, height: info.height };
}

let fontFile: Promise<string> | undefined;

async function unpackFont(): Promise<string> {
  const { version } = JSON.parse(await readFile(resolve(`${PACKAGE}/package.json`), "utf8"));
  const folder = join(cacheFolder(), "fonts");
  const path = join(folder, `unifont-${version}.ttf`);
  if (!existsSync(path)) {
    const woff = await readFile(resolve(`${PACKAGE}/files/unifont-latin-400-normal.woff`));
    await writeFileAtomic(path, toTrueType(woff));
  }
  await configureFonts(folder);
  return path;
}

/** Without a configuration, fontconfig prints an error. */
async function configureFonts(folder: string): Promise<void> {
  const { FONTCONFIG_FILE, FONTCONFIG_PATH } = process.env;
  if (FONTCONFIG_FILE || FONTCONFIG_PATH || existsSync("/etc/fonts/fonts.conf")) return;
  const path = join(folder, "fonts.conf");
  await writeFileAtomic(path, `<fontconfig><cachedir>${folder}</cachedir></fontconfig>\n`);
  process.env.FONTCONFIG_FILE = path;
}

/** Uncompresses a WOFF file (W3C, "WOFF File Format 1.0", sections 3 to 5). */
function toTrueType(woff: Buffer): Buffer {
  const tables = Array.from({ length: woff.readUInt16BE(12) }, (_, i) => {
    const entry = 44 + 20 * i;
    const offset = woff.readUInt32BE(entry + 4);
    const stored = woff.subarray(offset, offset + woff.readUInt32BE(entry + 8));
    const length = woff.readUInt32BE(entry + 12);
    return {
      tag: woff.subarray(entry, entry + 4),
      checksum: woff.subarray(entry + 16, entry + 20),
      data: stored.length < length ? inflateSync(stored) : stored,
    };
  });
  const header = Buffer.alloc(12 + 16 * tables.length);
  woff.copy(header, 0, 4, 8);
  const powers = Math.floor(Math.log2(tables.length));
  header.writeUInt16BE(tables.length, 4);
  header.writeUInt16BE(16 * 2 ** powers, 6);
  header.writeUInt16BE(powers, 8);
  header.writeUInt16BE(16 * (tables.length - 2 ** powers), 10);
  let end = header.length;
  const parts = tables.map(({ tag, checksum, data }, i) => {
    const entry = 12 + 16 * i;
    tag.copy(header, entry);
    checksum.copy(header, entry + 4);
    header.writeUInt32BE(end, entry + 8);
    header.writeUInt32BE(data.length, entry + 12);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    end += padded.length;
    return padded;
  });
  return Buffer.concat([header, ...parts]);
}
