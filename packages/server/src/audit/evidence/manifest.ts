import { hash } from "node:crypto";
import { canonicalJson, parseCanonicalJson } from "../log/index.js";
import type { BundleFiles } from "./zip.js";

/** What a bundle says it holds. Canonical JSON; its SHA-256 names the bundle. */
export interface Manifest {
  readonly format: "segno-evidence/1";
  readonly tool: { readonly name: string; readonly version: string };
  /** Which log. */
  readonly origin: string;
  /** Leaves in the tree of the checkpoint. */
  readonly size: number;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

export const manifestName = "manifest.json";
/** Grows with each hand-over, so it is no part of what the manifest covers: its lines are signed and chained. */
export const custodyName = "custody.jsonl";

export const sha256 = (bytes: Uint8Array): string => hash("sha256", bytes, "hex");

export function encodeManifest(facts: Omit<Manifest, "format" | "files">, files: BundleFiles): Uint8Array {
  const listed = [...files].map(([name, bytes]) => [name, { bytes: bytes.length, sha256: sha256(bytes) }] as const);
  return Buffer.from(canonicalJson({ format: "segno-evidence/1", ...facts, files: Object.fromEntries(listed) }));
}

/** Undefined for bytes that are no manifest in its one spelling. */
export function decodeManifest(bytes: Uint8Array | undefined): Manifest | undefined {
  if (bytes === undefined) return undefined;
  try {
    const value = parseCanonicalJson(Buffer.from(bytes).toString());
    const { format, files, origin, size } = (value ?? {}) as Readonly<Record<string, unknown>>;
    const isManifest = format === "segno-evidence/1" && typeof origin === "string" && typeof size === "number";
    const isListed = typeof files === "object" && files !== null && !Array.isArray(files);
    return isManifest && isListed ? (value as unknown as Manifest) : undefined;
  } catch {
    return undefined;
  }
}
