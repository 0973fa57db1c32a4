import type { LogHead } from "./log-storage.js";
import { decodeBase64 } from "./note.js";
import { hashLength } from "./tree-hash.js";

const title = "segno audit head v1";

/** How far a log in files has got. Not signed: checkpoints are. */
export function formatHead({ size, root }: LogHead): string {
  return `${title}\n${size}\n${Buffer.from(root).toString("base64")}\n`;
}

/** Reads it strictly; undefined when it is anything else. */
export function parseHead(text: string): LogHead | undefined {
  const [first, sizeText = "", rootText = ""] = text.split("\n");
  const root = decodeBase64(rootText);
  const size = Number(sizeText);
  if (first !== title || root?.length !== hashLength || !Number.isSafeInteger(size)) return undefined;
  return formatHead({ size, root }) === text ? { size, root } : undefined;
}
