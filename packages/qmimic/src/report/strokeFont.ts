// A small vector font of strokes, to draw text on machines without fonts. Each glyph is drawn on a grid 4 wide
// and 6 high (y down, baseline 6; descenders reach 8): polylines of "xy" digit pairs, separated by spaces. Dots
// are polylines of one point.

const GLYPHS: Record<string, string> = {
  A: "0602204246 0444",
  B: "0600304142334344453606 0333",
  C: "41301001051636 3645",
  D: "06003041453606",
  E: "40000646 0333",
  F: "400006 0333",
  G: "4130100105163645432343",
  H: "0006 4046 0343",
  I: "1030 2026 1636",
  J: "4045361605",
  K: "0006 4003 1246",
  L: "000646",
  M: "0600234046",
  N: "06004640",
  O: "100105163645413010",
  P: "06003041423303",
  Q: "100105163645413010 2446",
  R: "06003041423303 2346",
  S: "413010010213334445361605",
  T: "0040 2026",
  U: "000516364540",
  V: "002640",
  W: "0016233640",
  X: "0046 4006",
  Y: "002340 2326",
  Z: "00400646",
  a: "12324346 434414050616364546",
  b: "0006 0313324344453606",
  c: "4332120304163646",
  d: "4046 4332120304163645",
  e: "04444332120305163646",
  f: "40302126 0343",
  g: "4347381807 4332120304163645",
  h: "0006 0413324346",
  i: "2226 20",
  j: "323718 30",
  k: "0006 3204 1346",
  l: "10202536",
  m: "0602 0312232623324346",
  n: "0602 0413324346",
  o: "120305163645433212",
  p: "0208 0312324344453606",
  q: "4248 4332120305163645",
  r: "1216 13223243",
  s: "43321203143445361605",
  t: "2025364645 0242",
  u: "0205162645 4246",
  v: "022642",
  w: "0216233642",
  x: "0246 4206",
  y: "0225 422618",
  z: "02420646",
  "0": "100105163645413010 1432",
  "1": "112026 1636",
  "2": "0110304142050646",
  "3": "01103041423313 3344453616 1605",
  "4": "36300444",
  "5": "400003334445361605",
  "6": "3010010516364544331304",
  "7": "00401626",
  "8": "100102133342413010 130405163645443313",
  "9": "421313020110304145361605",
  ".": "26",
  "-": "1333",
  _: "0747",
  "%": "4006 0010110100 3646453536",
  ":": "22 25",
  "/": "4006",
  "(": "30121436",
  ")": "10323416",
  "+": "2125 0343",
  ",": "2617",
  "?": "0110304142332324 26",
};

/** Grid units from one glyph's left edge to the next. */
const ADVANCE = 6;
const CAP_HEIGHT = 6;

/** Whether the font has every character of `text`. */
export const canDraw = (text: string): boolean =>
  [...text].every((character) => character === " " || character in GLYPHS);

/** Width in pixels of `text` with capitals of `height` px. */
export function textWidth(text: string, height: number): number {
  return (Math.max(0, [...text].length * ADVANCE - 2) * height) / CAP_HEIGHT;
}

/**
 * SVG path data of `text`, to be stroked with round ends (a width of about height / 6 looks right): the
 * capitals' top left corner is at (x, y), they are `height` px tall. Spaces are skipped; characters missing in
 * the font become "?".
 */
export function textPath(text: string, x: number, y: number, height: number): string {
  const unit = height / CAP_HEIGHT;
  const commands: string[] = [];
  [...text].forEach((character, index) => {
    if (character === " ") return;
    for (const line of (GLYPHS[character] ?? GLYPHS["?"]).split(" ")) {
      const points: string[] = [];
      for (let i = 0; i < line.length; i += 2) {
        const px = x + (index * ADVANCE + Number(line[i])) * unit;
        points.push(`${px.toFixed(2)} ${(y + Number(line[i + 1]) * unit).toFixed(2)}`);
      }
      // A zero-length line with round caps is a dot.
      commands.push(points.length === 1 ? `M${points[0]}L${points[0]}` : `M${points.join("L")}`);
    }
  });
  return commands.join("");
}
