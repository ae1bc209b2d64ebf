/** Where tiles go. All lengths in CSS pixels. */

/** Room on the screen. */
export interface Area {
  readonly width: number;
  readonly height: number;
}

/** Tiles of equal size in rows; the last row is centred. */
export interface TileLayout {
  readonly tile: Area;
  readonly columns: number;
  /** Tiles on one page. */
  readonly perPage: number;
  readonly pages: number;
}

/** A tile narrower than this shows neither a face nor a name. */
export const MIN_TILE_WIDTH = 144;
const WIDEST = 16 / 9;
const NARROWEST = 4 / 3;

/**
 * Finds the largest equal tiles, between 4:3 and 16:9, that fit; when they would be too small, the most that fit on a page.
 * @param count - tiles to show, 1 or more.
 * @param area - room there is.
 * @param gap - between tiles.
 */
export function layoutTiles(count: number, area: Area, gap: number): TileLayout {
  const least = Math.min(MIN_TILE_WIDTH, area.width);
  for (let most = Math.max(1, count); ; most -= 1) {
    // Pages hold equally many, so that tiles keep their size from page to page.
    const perPage = Math.ceil(count / Math.ceil(count / most));
    const tiles = largestTiles(perPage, area, gap);
    // Fewer tiles are larger, but not always wider: each number is looked at by itself.
    if (perPage <= 1 || tiles.tile.width >= least)
      return { ...tiles, perPage: Math.max(1, perPage), pages: Math.max(1, Math.ceil(count / perPage)) };
  }
}

/**
 * Place of one tile on a page.
 * @param index - of the tile on its page.
 * @param onPage - tiles on that page.
 * @returns its top left corner, the whole being centred in the area.
 */
export function tilePosition(
  index: number,
  onPage: number,
  layout: TileLayout,
  area: Area,
  gap: number,
): { readonly x: number; readonly y: number } {
  const { columns, tile } = layout;
  const rows = Math.ceil(onPage / columns);
  const row = Math.floor(index / columns);
  const inRow = row === rows - 1 ? onPage - row * columns : columns;
  const rowWidth = inRow * tile.width + (inRow - 1) * gap;
  const height = rows * tile.height + (rows - 1) * gap;
  return {
    x: Math.round((area.width - rowWidth) / 2 + (index % columns) * (tile.width + gap)),
    y: Math.round((area.height - height) / 2 + row * (tile.height + gap)),
  };
}

function largestTiles(
  count: number,
  area: Area,
  gap: number,
): { readonly tile: Area; readonly columns: number } {
  let best = { tile: { width: 0, height: 0 }, columns: 1 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const tile = fit({
      width: Math.max(0, (area.width - gap * (columns - 1)) / columns),
      height: Math.max(0, (area.height - gap * (rows - 1)) / rows),
    });
    if (tile.width * tile.height > best.tile.width * best.tile.height) best = { tile, columns };
  }
  return best;
}

/** The largest tile of an allowed shape within a cell. */
function fit(cell: Area): Area {
  const shape = Math.min(Math.max(cell.width / Math.max(cell.height, 1), NARROWEST), WIDEST);
  const width = Math.min(cell.width, cell.height * shape);
  return { width: Math.floor(width), height: Math.floor(width / shape) };
}
