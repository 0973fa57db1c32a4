import { SegnoError } from "@segno/core";
import { formatSignatureLine, parseNote } from "./note.js";

/**
 * One checkpoint with the signatures of both. Of the lines by one key the newer counts.
 * @throws SegnoError `conflict` when they are not one checkpoint: two trees of one size
 */
export function mergeSignatures(older: string, newer: string): string {
  const [one, two] = [parseNote(older), parseNote(newer)];
  if (one === undefined || two === undefined || one.text !== two.text)
    throw new SegnoError("conflict", "Another checkpoint of this size is kept already.");
  const lines = new Map<string, string>();
  for (const signature of [...one.signatures, ...two.signatures])
    lines.set(`${signature.name} ${signature.id}`, formatSignatureLine(signature, signature.bytes));
  return `${one.text}\n${[...lines.values()].join("")}`;
}
