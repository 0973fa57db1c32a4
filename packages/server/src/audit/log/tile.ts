/** Leaves of a tile, and hashes of a full one (C2SP tlog-tiles: height 8). */
export const tileWidth = 256;
/** Levels of the tree that one tile spans. */
export const tileHeight = 8;

/** A tile of hashes at its width. `level` and `index` count tiles, not nodes. */
export interface TileId {
  readonly level: number;
  readonly index: number;
  /** 1 to 256. Less than 256 is a partial tile: the beginning of a later one. */
  readonly width: number;
}

/** Path of a tile of hashes (C2SP tlog-tiles, "Merkle Tree"). */
export function tilePath({ level, index, width }: TileId): string {
  return `tile/${level}/${numberPath(index)}${suffix(width)}`;
}

/** Path of a bundle of `width` entries. */
export function bundlePath(index: number, width: number): string {
  return `tile/entries/${numberPath(index)}${suffix(width)}`;
}

/** How many hashes the level has in a tree of that size. */
export function levelWidth(size: number, level: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** How wide the tile is in a tree of that size: 0 when it is not there. */
export function widthInTree(size: number, level: number, index: number): number {
  return Math.max(0, Math.min(tileWidth, levelWidth(size, level) - index * tileWidth));
}

/** What a path names. */
export interface ParsedTilePath {
  /** The level, or `entries`. */
  readonly kind: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** Reads a path strictly: one tile has one path. Undefined for any other. */
export function parseTilePath(path: string): ParsedTilePath | undefined {
  const match = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (match === null) return undefined;
  const [, kindText = "", indexText = "", widthText] = match;
  const index = Number(indexText.replace(/[x/]/g, ""));
  const kind = kindText === "entries" ? kindText : Number(kindText);
  const width = widthText === undefined ? tileWidth : Number(widthText);
  if (!Number.isSafeInteger(index) || (kind !== "entries" && kind > 63)) return undefined;
  const isCanonical =
    path === (kind === "entries" ? bundlePath(index, width) : tilePath({ level: kind, index, width }));
  return isCanonical && width <= tileWidth ? { kind, index, width } : undefined;
}

/** Groups of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`. */
function numberPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = padded.match(/\d{3}/g) ?? [];
  return groups.map((group, place) => (place < groups.length - 1 ? `x${group}` : group)).join("/");
}

const suffix = (width: number): string => (width === tileWidth ? "" : `.p/${width}`);
