// SPDX-License-Identifier: Apache-2.0
/** media_view.tsx - pictures and sound of tracks. Sound never goes through the picture's element. */
import { useEffect, useMemo, useRef, type ReactNode } from 'react';
import type { RemoteTrack } from '../rtc/subscriber';

export function StreamVideo({ stream, mirrored = false }: { stream: MediaStream; mirrored?: boolean }): ReactNode {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const video = element.current;
    if (!video) return undefined;
    video.srcObject = stream;
    video.play().catch(() => undefined); // muted video may always play; what rejects is a newer srcObject
    return () => {
      video.srcObject = null;
    };
  }, [stream]);
  return <video ref={element} className={mirrored ? 'mirrored' : undefined} muted playsInline autoPlay aria-hidden="true" />;
}

export function TrackVideo({ track, mirrored = false }: { track: MediaStreamTrack; mirrored?: boolean }): ReactNode {
  const stream = useMemo(() => new MediaStream([track]), [track]);
  return <StreamVideo stream={stream} mirrored={mirrored} />;
}

type Sinkable = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

function Sound(props: { remote: RemoteTrack; speaker: string; attempt: number; onBlocked: () => void }): ReactNode {
  const { remote, speaker, attempt, onBlocked } = props;
  const element = useRef<Sinkable>(null);
  useEffect(() => {
    const audio = element.current;
    if (!audio) return undefined;
    audio.srcObject = remote.stream;
    return () => {
      audio.srcObject = null;
    };
  }, [remote]);
  useEffect(() => {
    element.current?.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'NotAllowedError') onBlocked();
    });
  }, [remote, attempt, onBlocked]);
  useEffect(() => {
    // An unplugged speaker: the sound stays where the browser puts it.
    element.current?.setSinkId?.(speaker).catch(() => undefined);
  }, [speaker]);
  return <audio ref={element} autoPlay data-participant={remote.participant} data-source={remote.source} />;
}

/** `attempt`: a new number tries again to play everything, after a click. */
export function Sounds(props: {
  remote: Iterable<RemoteTrack>;
  speaker: string;
  attempt: number;
  onBlocked: () => void;
}): ReactNode {
  return [...props.remote]
    .filter((remote) => remote.source === 'mic' || remote.source === 'screen_audio')
    .map((remote) => (
      <Sound
        key={remote.track}
        remote={remote}
        speaker={props.speaker}
        attempt={props.attempt}
        onBlocked={props.onBlocked}
      />
    ));
}
