// Which files are images, by the ending of their names, and which are an operating system's own.

/** Endings of the images that are read (upper case works too). */
export const IMAGE_ENDINGS = [
  ...["jpg", "jpeg", "jfif", "jpe", "png"],
  ...["webp", "gif", "tif", "tiff", "avif"],
] as const;

/** Endings of images that are not read. */
const OTHER_IMAGES =
  "bmp dib heic heif jp2 j2k jxl svg psd raw dng cr2 cr3 nef arw orf rw2 raf ico tga ppm pgm pnm exr hdr dcm".split(
    " ",
  );

const READ: ReadonlySet<string> = new Set(IMAGE_ENDINGS);
const NOT_READ: ReadonlySet<string> = new Set(OTHER_IMAGES);

/** "jpg" of "photos/a.JPG"; "" without an ending. */
export function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 1 ? "" : name.slice(dot + 1).toLowerCase();
}

/** The path without its ending. */
export function stemOf(path: string): string {
  const ending = endingOf(path);
  return ending === "" ? path : path.slice(0, -ending.length - 1);
}

export const isImage = (path: string): boolean => READ.has(endingOf(path));

/** An image by its name, of a kind that is not read. */
export const isUnreadImage = (path: string): boolean => NOT_READ.has(endingOf(path));

const LEFTOVERS: ReadonlySet<string> = new Set([
  ...["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"],
  ...["$recycle.bin", "system volume information", "lost+found"],
]);

/** Files and folders that operating systems leave: .DS_Store, ._photo.jpg, Thumbs.db, __MACOSX and the like. */
export const isLeftover = (name: string): boolean =>
  name.startsWith(".") || LEFTOVERS.has(name.toLowerCase());
