// Text in any script, also on machines without fonts: GNU Unifont has a glyph for every character of the Basic
// Multilingual Plane. Its package contains WOFF, but sharp's text needs TrueType: the same tables, uncompressed.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { cacheFolder } from "@qmimic/torch/setup";
import sharp from "sharp";
import { writeFileAtomic } from "../files.js";
import { toTrueType } from "./woff.js";

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
