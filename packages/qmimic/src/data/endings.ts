// Classifies files by name: images, and leftovers of operating systems.

/** Extensions of supported images (case-insensitive). */
export const IMAGE_ENDINGS = [
  ...["jpg", "jpeg", "jfif", "jpe", "png"],
  ...["webp", "gif", "tif", "tiff", "avif"],
] as const;

/** Extensions of unsupported images. */
const OTHER_IMAGES =
  "bmp dib heic heif jp2 j2k jxl svg psd raw dng cr2 cr3 nef arw orf rw2 raf ico tga ppm pgm pnm exr hdr dcm".split(
    " ",
  );

const READ: ReadonlySet<string> = new Set(IMAGE_ENDINGS);
const NOT_READ: ReadonlySet<string> = new Set(OTHER_IMAGES);

/** "jpg" for "photos/a.JPG"; "" without an extension. */
export function endingOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot < 1 ? "" : name.slice(dot + 1).toLowerCase();
}

/** The path without its extension. */
export function stemOf(path: string): string {
  const ending = endingOf(path);
  return ending === "" ? path : path.slice(0, -ending.length - 1);
}

export const isImage = (path: string): boolean => READ.has(endingOf(path));

/** Whether a file is an image in an unsupported format, by its name. */
export const isUnreadImage = (path: string): boolean => NOT_READ.has(endingOf(path));

const LEFTOVERS: ReadonlySet<string> = new Set([
  ...["thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"],
  ...["$recycle.bin", "system volume information", "lost+found"],
]);

/**
 * Files and folders that operating systems leave behind: .DS_Store, ._photo.jpg, Thumbs.db, __MACOSX and the
 * like.
 */
export const isLeftover = (name: string): boolean =>
  name.startsWith(".") || LEFTOVERS.has(name.toLowerCase());
