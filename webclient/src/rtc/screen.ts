// SPDX-License-Identifier: Apache-2.0
/** screen.ts - getDisplayMedia with the hints that suit slides and images. */

export interface CapturedScreen {
  video: MediaStreamTrack;
  audio: MediaStreamTrack | null;
}

/** Asks the person what to share. `cancelled`: closed the browser's dialogue, which is no error. */
export async function captureScreen(): Promise<CapturedScreen | 'cancelled' | 'failed'> {
  // A whole system's sound would send everybody's voice back; a tab's own sound is welcome.
  const options = {
    video: { frameRate: { ideal: 15, max: 30 } },
    audio: true,
    systemAudio: 'exclude',
    selfBrowserSurface: 'exclude',
    surfaceSwitching: 'include',
  };
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia(options);
    const video = stream.getVideoTracks()[0];
    if (!video) return 'failed';
    // Text and images: keep the resolution, give up frames.
    if ('contentHint' in video) video.contentHint = 'detail';
    return { video, audio: stream.getAudioTracks()[0] ?? null };
  } catch (error) {
    return error instanceof DOMException && error.name === 'NotAllowedError' ? 'cancelled' : 'failed';
  }
}
