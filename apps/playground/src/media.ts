// The source of pictures: a list of pictures, a video, or the camera.

export interface Media {
  /** The picture or video to draw, undefined if there is none. */
  current(): ImageBitmap | HTMLVideoElement | undefined;
  /** Whether a video is playing. */
  moves(): boolean;
}

const video = document.createElement("video");
video.muted = true;
video.loop = true;
video.playsInline = true;

let pictures: readonly File[] = [];
let index = 0;
/** The picture that is shown, of those. Only one is decoded: a photograph has tens of megabytes. */
let shown: ImageBitmap | undefined;
let stream: MediaStream | undefined;
/** Counts what has been requested: a camera that is granted late, after something else, is turned off at once. */
let requested = 0;
/** Whether the last request is for the camera, and it is not on yet. */
let starting = false;

export const media: Media = {
  current: () => (hasVideo() ? (video.readyState >= video.HAVE_CURRENT_DATA ? video : undefined) : shown),
  moves: () => hasVideo() && !video.paused,
};

const hasVideo = (): boolean => video.srcObject !== null || video.src !== "";

/**
 * Replaces what was open with pictures, or with the first video.
 * @returns whether it is open: not if something else was requested in the meantime
 * @throws Error naming a file that cannot be opened
 */
export async function openFiles(files: readonly File[]): Promise<boolean> {
  const mine = ++requested;
  starting = false;
  const videoFile = files.find(({ type }) => type.startsWith("video/"));
  closeVideo();
  if (videoFile) {
    video.src = URL.createObjectURL(videoFile);
    return play(mine, (reason) => `${videoFile.name} cannot be played: ${reason}`);
  }
  // Until they are open, there is nothing to step to.
  const before = pictures;
  pictures = [];
  try {
    return await showPicture(files, 0);
  } catch (error) {
    pictures = before;
    throw error;
  }
}

/** Counts the pictures that were wanted: one that is decoded late does not replace a newer one. */
let wanted = 0;

/**
 * Shows one of the pictures.
 * @returns false if another one, or something else, was wanted in the meantime
 * @throws Error naming a file that cannot be opened
 */
async function showPicture(files: readonly File[], which: number): Promise<boolean> {
  const [mine, others] = [++wanted, requested];
  const isWanted = () => mine === wanted && others === requested;
  try {
    const image = await createImageBitmap(files[which]);
    if (!isWanted()) {
      image.close();
      return false;
    }
    shown?.close();
    [pictures, index, shown] = [files, which, image];
    return true;
  } catch {
    if (!isWanted()) return false;
    throw new Error(
      `${files[which].name} cannot be opened: not an image in a format that this browser supports`,
    );
  }
}

/** Plays the video that request `mine` has set. @returns false, without an error, if it is no longer wanted */
async function play(mine: number, describe: (reason: string) => string): Promise<boolean> {
  try {
    await video.play();
  } catch (error) {
    if (mine !== requested) return false;
    closeVideo();
    throw new Error(describe((error as Error).message));
  }
  return mine === requested;
}

/**
 * Moves to the next or previous picture, wrapping around. One that cannot be opened is passed over.
 * @returns false if there is none, or another one was wanted in the meantime
 * @throws Error naming a file that cannot be opened
 */
export async function step(by: 1 | -1): Promise<boolean> {
  if (pictures.length === 0) return false;
  const next = (index + by + pictures.length) % pictures.length;
  // From there on, if this one cannot be opened.
  index = next;
  return showPicture(pictures, next);
}

/** Whether the camera is on. */
export const hasCamera = (): boolean => stream !== undefined;

/**
 * Starts the camera, or stops it if it is on or about to start.
 * @returns false if something else was requested in the meantime
 * @throws Error if it cannot be used
 */
export async function toggleCamera(): Promise<boolean> {
  const mine = ++requested;
  const stops = stream !== undefined || starting;
  closeVideo();
  if (stops) {
    starting = false;
    return true;
  }
  starting = true;
  const unusable = (reason: string): string => `the camera cannot be used: ${reason}`;
  try {
    if (!navigator.mediaDevices) throw new Error("it needs https, or localhost");
    const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (mine !== requested) {
      for (const track of camera.getTracks()) track.stop();
      return false;
    }
    stream = camera;
  } catch (error) {
    if (mine !== requested) return false;
    throw new Error(unusable((error as Error).message));
  } finally {
    if (mine === requested) starting = false;
  }
  video.srcObject = stream;
  return play(mine, unusable);
}

export function togglePause(): void {
  if (!hasVideo()) return;
  // Rejected if the video is replaced meanwhile; then there is nothing to play.
  if (video.paused) video.play().catch(() => {});
  else video.pause();
}

function closeVideo(): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = undefined;
  video.srcObject = null;
  if (video.src !== "") {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.load();
  }
}

export const width = (of: ImageBitmap | HTMLVideoElement): number =>
  of instanceof HTMLVideoElement ? of.videoWidth : of.width;

export const height = (of: ImageBitmap | HTMLVideoElement): number =>
  of instanceof HTMLVideoElement ? of.videoHeight : of.height;
