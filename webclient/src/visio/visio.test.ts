// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { roomFromInput } from '../home/home';
import { meterLevel, SpeakingWatch } from '../rtc/levels';
import { mediaProblem } from '../rtc/media';
import { uplinkQuality } from '../rtc/stats';
import { identity } from '../rtc/storage';
import type { RemoteTracks } from '../rtc/subscriber';
import { browserOf } from './devices';
import { fitGrid } from './layout';
import { cleanName } from './prejoin';
import { initials } from './tile';

describe('what people type', () => {
  it('room names are made acceptable', () => {
    expect(roomFromInput(' RCP Thorax ')).toBe('rcp-thorax');
    expect(roomFromInput('Hématologie_2')).toBe('hematologie-2');
    expect(roomFromInput('ab')).toBeNull();
    expect(roomFromInput('a/b/c')).toBeNull();
  });

  it('names have 1 to 80 characters without control characters', () => {
    expect(cleanName('  Dr\tClaire\nMartin ')).toBe('Dr Claire Martin');
    expect(cleanName(' \u0007 ')).toBeNull();
    expect(cleanName('é'.repeat(80))).toHaveLength(80);
    expect(cleanName('é'.repeat(81))).toBeNull();
  });

  it('initials skip titles', () => {
    expect(initials('Dr Claire Martin')).toBe('CM');
    expect(initials('Pr. Élise de la Tour')).toBe('ÉT');
    expect(initials('Martin')).toBe('M');
  });
});

describe('identity', () => {
  it('is drawn once', () => {
    expect(identity()).toMatch(/^[0-9a-f]{32}$/);
    expect(identity()).toBe(identity());
    localStorage.setItem('consilium.identity', 'broken');
    expect(identity()).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('grid', () => {
  it.each([1, 2, 3, 5, 9, 16, 36])('%i tiles fit a desktop without scrolling', (count) => {
    const { columns, width, height } = fitGrid(count, 1264, 584, 8);
    const rows = Math.ceil(count / columns);
    expect(width * columns + 8 * (columns - 1)).toBeLessThanOrEqual(1264);
    expect(height * rows + 8 * (rows - 1)).toBeLessThanOrEqual(584);
    expect(width / height).toBeLessThanOrEqual(1.8);
  });

  it('a phone scrolls rather than show stamps', () => {
    const { columns, width } = fitGrid(36, 352, 560, 8);
    expect(columns).toBe(2);
    expect(width).toBe(172);
  });
});

describe('levels and quality', () => {
  it('the meter is empty at -60 dB and full at -10 dB', () => {
    expect(meterLevel(0)).toBe(0);
    expect(meterLevel(0.001)).toBeCloseTo(0);
    expect(meterLevel(0.0178)).toBeCloseTo(0.5, 1);
    expect(meterLevel(1)).toBe(1);
  });

  it('a voice rings for a second, a stale source does not', () => {
    const source = { timestamp: 1, audioLevel: 0.1 };
    const receiver = { getSynchronizationSources: () => [source] };
    const tracks = new Map([['t1', { track: 't1', participant: 'p3', source: 'mic', receiver }]]) as unknown as RemoteTracks;
    const watch = new SpeakingWatch();
    expect([...watch.poll(tracks, 0)]).toEqual(['p3']);
    expect([...watch.poll(tracks, 900)]).toEqual(['p3']);
    expect([...watch.poll(tracks, 1100)]).toEqual([]);
    Object.assign(source, { timestamp: 2, audioLevel: 0.001 });
    expect([...watch.poll(tracks, 1200)]).toEqual([]);
    expect(watch.levelsKnown).toBe(true);
  });

  it('loss and delay make quality', () => {
    expect([uplinkQuality(0, 0.05), uplinkQuality(0.05, 0.05), uplinkQuality(0.2, 0.05), uplinkQuality(0, 0.4), uplinkQuality(0, 1)]).toEqual([3, 2, 1, 2, 1]);
  });
});

describe('refused devices', () => {
  it('are told apart', () => {
    const named = (name: string) => mediaProblem(new DOMException('', name));
    expect(['NotAllowedError', 'NotFoundError', 'NotReadableError', 'TypeError'].map(named)).toEqual(['denied', 'missing', 'in_use', 'failed']);
  });

  it('browsers are told apart', () => {
    expect(browserOf('Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36')).toBe('chrome');
    expect(browserOf('Mozilla/5.0 (X11; rv:153.0) Gecko/20100101 Firefox/153.0')).toBe('firefox');
    expect(browserOf('Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15')).toBe('safari');
  });
});
