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

let pictures: ImageBitmap[] = [];
let index = 0;
let stream: MediaStream | undefined;
/** Counts what has been requested: a camera that is granted late, after something else, is turned off at once. */
let requested = 0;

export const media: Media = {
  current: () =>
    hasVideo() ? (video.readyState >= video.HAVE_CURRENT_DATA ? video : undefined) : pictures[index],
  moves: () => hasVideo() && !video.paused,
};

const hasVideo = (): boolean => video.srcObject !== null || video.src !== "";

/** Replaces what was open with pictures, or with the first video. @throws Error naming a file that cannot be opened */
export async function openFiles(files: readonly File[]): Promise<void> {
  requested++;
  const videoFile = files.find(({ type }) => type.startsWith("video/"));
  closeVideo();
  if (videoFile) {
    video.src = URL.createObjectURL(videoFile);
    await video.play().catch((error: Error) => {
      closeVideo();
      throw new Error(`${videoFile.name} cannot be played: ${error.message}`);
    });
    return;
  }
  const opened = files.map((file) =>
    createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
      throw new Error(`${file.name} cannot be opened: not an image in a format that this browser supports`);
    }),
  );
  pictures = await Promise.all(opened);
  index = 0;
}

/** Moves to the next or previous picture, wrapping around. */
export function step(by: 1 | -1): void {
  if (pictures.length > 0) index = (index + by + pictures.length) % pictures.length;
}

/** Starts or stops the camera. @returns whether it is running */
export async function toggleCamera(): Promise<boolean> {
  const mine = ++requested;
  const runs = stream !== undefined;
  closeVideo();
  if (runs) return false;
  const camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  if (mine !== requested) {
    for (const track of camera.getTracks()) track.stop();
    return stream !== undefined;
  }
  stream = camera;
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
