// SPDX-License-Identifier: Apache-2.0
/**
 * fake_sfu.mjs - the media side of the fake server: one more page of the same browser answers the publisher's offers
 * and offers drawn pictures and tones as other people's tracks. Runs inside that page (no imports).
 */
export function installFakeSfu() {
  const complete = (pc) =>
    new Promise((done) => {
      const check = () => pc.iceGatheringState === 'complete' && done();
      pc.addEventListener('icegatheringstatechange', check);
      setTimeout(done, 1500);
      check();
    });
  let publish = null;
  let subscribe = null;
  let rev = 0;
  let tracks = [];
  const context = new AudioContext();

  const picture = (text, hue) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [640, 360];
    const draw = canvas.getContext('2d');
    let step = 0;
    setInterval(() => {
      step += 1;
      draw.fillStyle = `hsl(${hue} 45% 32%)`;
      draw.fillRect(0, 0, 640, 360);
      draw.fillStyle = `hsl(${hue} 60% 70%)`;
      draw.beginPath();
      draw.arc(320 + 40 * Math.sin(step / 10), 180, 90, 0, 7);
      draw.fill();
      draw.fillStyle = '#000';
      draw.font = '40px sans-serif';
      draw.fillText(text, 270, 195);
    }, 66);
    return canvas.captureStream(15).getVideoTracks()[0];
  };
  const tone = (frequency) => {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    gain.gain.value = 0.3;
    oscillator.frequency.value = frequency;
    const out = context.createMediaStreamDestination();
    oscillator.connect(gain).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks()[0];
  };

  window.sfu = {
    async published(message) {
      // A page that joined afresh offers with its first m-section anew: a new connection.
      if (!publish || message.fresh) publish = new RTCPeerConnection();
      await publish.setRemoteDescription({ type: 'offer', sdp: message.sdp });
      await publish.setLocalDescription(await publish.createAnswer());
      await complete(publish);
      const entries = message.tracks.map(({ mid, source }) => ({ mid, track: `t${900 + Number(mid)}`, source }));
      return { type: 'published', re: message.id, sdp: publish.localDescription.sdp, tracks: entries };
    },
    /** wanted: [{participant, track, source, text, hue, tone}] */
    async offer(wanted, fresh) {
      if (!subscribe || fresh) {
        subscribe = new RTCPeerConnection();
        tracks = [];
      }
      for (const entry of wanted) {
        const known = tracks.find((other) => other.track === entry.track);
        if (known) continue;
        const media = entry.source === 'mic' ? tone(entry.tone ?? 0) : picture(entry.text ?? '', entry.hue ?? 0);
        const transceiver = subscribe.addTransceiver(media, { direction: 'sendonly' });
        tracks.push({ ...entry, transceiver });
      }
      await subscribe.setLocalDescription(await subscribe.createOffer());
      await complete(subscribe);
      rev += 1;
      return {
        type: 'subscribe', rev, sdp: subscribe.localDescription.sdp,
        tracks: tracks.map(({ transceiver, participant, track, source }) => ({ mid: transceiver.mid, participant, track, source })),
      };
    },
    async subscribed(message) {
      if (message.rev === rev) await subscribe.setRemoteDescription({ type: 'answer', sdp: message.sdp });
    },
    async received() {
      const found = [];
      (await publish.getStats()).forEach((entry) => {
        if (entry.type === 'inbound-rtp') found.push({ mid: entry.mid, kind: entry.kind, packets: entry.packetsReceived, frames: entry.framesDecoded });
      });
      return found;
    },
  };
}
