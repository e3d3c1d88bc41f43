// SPDX-License-Identifier: Apache-2.0
/** stats.ts - what getStats says, in the words of the room; and how good the own uplink is. */
import type { Quality } from './protocol';
import type { RemoteTrack, RemoteTracks } from './subscriber';

export interface InboundStats {
  participant: string;
  source: string;
  track: string;
  kind: string;
  packets: number;
  packetsLost: number;
  bytes: number;
  framesDecoded: number;
  frameWidth: number;
  frameHeight: number;
  freezeCount: number;
  /** Sum of energy since the beginning (W3C totalAudioEnergy), and the present level, 0..1. */
  audioEnergy: number;
  audioLevel: number;
  concealedSamples: number;
}

type Entry = Record<string, unknown> & { type?: string };

function number(entry: Entry | undefined, key: string): number {
  const value = entry?.[key];
  return typeof value === 'number' ? value : 0;
}

/** A reused m-section keeps the entries of earlier streams: the one heard last is the present one. */
function inboundEntry(report: RTCStatsReport): Entry | undefined {
  let best: Entry | undefined;
  report.forEach((entry: Entry) => {
    if (entry.type !== 'inbound-rtp') return;
    const newer = number(entry, 'lastPacketReceivedTimestamp') >= number(best, 'lastPacketReceivedTimestamp');
    if (!best || newer) best = entry;
  });
  return best;
}

async function inboundOf(remote: RemoteTrack): Promise<InboundStats> {
  const entry = inboundEntry(await remote.receiver.getStats());
  return {
    participant: remote.participant,
    source: remote.source,
    track: remote.track,
    kind: remote.receiver.track.kind,
    packets: number(entry, 'packetsReceived'),
    packetsLost: number(entry, 'packetsLost'),
    bytes: number(entry, 'bytesReceived'),
    framesDecoded: number(entry, 'framesDecoded'),
    frameWidth: number(entry, 'frameWidth'),
    frameHeight: number(entry, 'frameHeight'),
    freezeCount: number(entry, 'freezeCount'),
    audioEnergy: number(entry, 'totalAudioEnergy'),
    audioLevel: number(entry, 'audioLevel'),
    concealedSamples: number(entry, 'concealedSamples'),
  };
}

export function inboundStats(tracks: RemoteTracks): Promise<InboundStats[]> {
  return Promise.all([...tracks.values()].map(inboundOf));
}

export interface OutboundStats {
  mid: string;
  kind: string;
  packets: number;
  bytes: number;
  framesEncoded: number;
  frameWidth: number;
  frameHeight: number;
}

export async function outboundStats(pc: RTCPeerConnection): Promise<OutboundStats[]> {
  const sent: OutboundStats[] = [];
  (await pc.getStats()).forEach((entry: Entry) => {
    if (entry.type !== 'outbound-rtp') return;
    sent.push({
      mid: String(entry['mid'] ?? ''),
      kind: String(entry['kind'] ?? ''),
      packets: number(entry, 'packetsSent'),
      bytes: number(entry, 'bytesSent'),
      framesEncoded: number(entry, 'framesEncoded'),
      frameWidth: number(entry, 'frameWidth'),
      frameHeight: number(entry, 'frameHeight'),
    });
  });
  return sent;
}

/** The worst of what the server reports about the own streams: loss (0..1) and round trip (seconds). */
export function uplinkQuality(fractionLost: number, roundTrip_s: number): Quality {
  if (fractionLost > 0.1 || roundTrip_s > 0.6) return 1;
  if (fractionLost > 0.03 || roundTrip_s > 0.3) return 2;
  return 3;
}

/** Null as long as the server has not reported on any stream. */
export async function measureUplink(pc: RTCPeerConnection): Promise<Quality | null> {
  let reports = 0;
  let lost = 0;
  let roundTrip = 0;
  (await pc.getStats()).forEach((entry: Entry) => {
    if (entry.type !== 'remote-inbound-rtp') return;
    reports += 1;
    lost = Math.max(lost, number(entry, 'fractionLost'));
    roundTrip = Math.max(roundTrip, number(entry, 'roundTripTime'));
  });
  return reports === 0 ? null : uplinkQuality(lost, roundTrip);
}
