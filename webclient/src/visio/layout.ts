// SPDX-License-Identifier: Apache-2.0
/** layout.ts - how large tiles of a grid can be. Pure. */

export interface GridFit {
  readonly columns: number;
  readonly width: number;
  readonly height: number;
}

const MIN_WIDTH = 150;

/** How near 16:9 a tile stays: pictures are cropped to fill it, so taller ones are fine on a phone. */
const WIDEST = 16 / 9;
const TALLEST = 4 / 3;

/**
 * The columns that give `count` tiles the largest area in `width` x `height` pixels with `gap` between them.
 * When even the best is narrower than 150 px, tiles get that width and the grid scrolls.
 */
export function fitGrid(count: number, width: number, height: number, gap: number): GridFit {
  let best: GridFit = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = Math.max(0, (width - gap * (columns - 1)) / columns);
    const cellHeight = Math.max(0, (height - gap * (rows - 1)) / rows);
    const tileWidth = Math.min(cellWidth, cellHeight * WIDEST);
    const tileHeight = Math.min(cellHeight, tileWidth / TALLEST);
    if (tileWidth * tileHeight > best.width * best.height)
      best = { columns, width: Math.floor(tileWidth), height: Math.floor(tileHeight) };
  }
  if (best.width >= Math.min(MIN_WIDTH, width)) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (MIN_WIDTH + gap)));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, width: tileWidth, height: Math.floor(tileWidth / WIDEST) };
}
