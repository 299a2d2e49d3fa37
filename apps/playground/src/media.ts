// What is looked at: one of some pictures, a video, or the camera.

export interface Media {
  /** What can be drawn now; undefined while there is nothing. */
  current(): ImageBitmap | HTMLVideoElement | undefined;
  /** Whether frames follow one another. */
  moves(): boolean;
}

const video = document.createElement("video");
video.muted = true;
video.loop = true;
video.playsInline = true;

let pictures: ImageBitmap[] = [];
let index = 0;
let stream: MediaStream | undefined;

export const media: Media = {
  current: () => (hasVideo() ? (video.videoWidth > 0 ? video : undefined) : pictures[index]),
  moves: () => hasVideo() && !video.paused,
};

const hasVideo = (): boolean => video.srcObject !== null || video.src !== "";

/** Pictures replace what was there; a video replaces all. @throws Error naming the file that cannot be shown */
export async function openFiles(files: readonly File[]): Promise<void> {
  const movie = files.find(({ type }) => type.startsWith("video/"));
  closeVideo();
  if (movie) {
    video.src = URL.createObjectURL(movie);
    await video.play().catch((error: Error) => {
      closeVideo();
      throw new Error(`${movie.name} cannot be played: ${error.message}`);
    });
    return;
  }
  const opened = files.map((file) =>
    createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
      throw new Error(`${file.name} cannot be shown: not a picture that this browser reads`);
    }),
  );
  pictures = await Promise.all(opened);
  index = 0;
}

/** The picture before or after; the first follows the last. */
export function step(by: 1 | -1): void {
  if (pictures.length > 0) index = (index + by + pictures.length) % pictures.length;
}

/** Starts the camera, or ends it. @returns whether it runs */
export async function toggleCamera(): Promise<boolean> {
  if (stream) {
    closeVideo();
    return false;
  }
  closeVideo();
  stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  video.srcObject = stream;
  await video.play();
  return true;
}

export function togglePause(): void {
  if (!hasVideo()) return;
  if (video.paused) void video.play();
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
