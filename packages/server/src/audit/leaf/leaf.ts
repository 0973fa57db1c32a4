import { hash } from "node:crypto";
import type { SealedPersonal } from "../personal/data-key.js";
import { canonicalJson, type JsonValue } from "../log/index.js";

/** What a leaf says: one event, as canonical JSON (RFC 8785). Its hash covers ciphertext and commitments alone. */
export interface LeafContent {
  readonly v: 1;
  /** Its place in the one order of all events. */
  readonly position: number;
  /** The event's type, as it is named here: `login.success`. */
  readonly type: string;
  /** The CloudEvent as it was committed. */
  readonly event: LeafEvent;
  readonly personal?: SealedPersonal;
  readonly retention: LeafRetention;
}
export interface LeafEvent {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly subject?: string;
  readonly [attribute: string]: unknown;
}
/** How long what the leaf says is kept. */
export interface LeafRetention {
  readonly class: string;
  /** Whole days after the event's time; left out: for ever. */
  readonly days?: number;
}

/** What stands where a leaf was whose time was over. */
export interface ExpiredLeaf {
  readonly expired: string;
}

/** Entry bundles carry lengths of two bytes. */
const maxBytes = 65_535;

/** The leaf's bytes. What an event says that would make it too long is replaced by its digest. */
export function encodeLeaf(content: LeafContent): Uint8Array {
  const bytes = Buffer.from(canonicalJson(content as unknown as JsonValue));
  if (bytes.length <= maxBytes) return bytes;
  const said = Buffer.from(canonicalJson((content.event["data"] ?? null) as JsonValue));
  const data = { omitted: { bytes: said.length, sha256: hash("sha256", said, "base64url") } };
  return Buffer.from(canonicalJson({ ...content, event: { ...content.event, data } } as unknown as JsonValue));
}

/** What stands in the place of a leaf of this class once its time is over. No leaf looks like it. */
export function encodeExpired(className: string): Uint8Array {
  return Buffer.from(canonicalJson({ expired: className } satisfies JsonValue));
}

/** Reads a leaf; undefined for bytes that this version did not write. */
export function decodeLeaf(bytes: Uint8Array): LeafContent | ExpiredLeaf | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    if (typeof value !== "object" || value === null) return undefined;
    const raw = value as Readonly<Record<string, unknown>>;
    if (typeof raw["expired"] === "string" && Object.keys(raw).length === 1) return { expired: raw["expired"] };
    if (raw["v"] !== 1 || typeof raw["position"] !== "number" || typeof raw["type"] !== "string") return undefined;
    const event = raw["event"] as Readonly<Record<string, unknown>> | null | undefined;
    const isEvent = ["id", "type", "time"].every((name) => typeof event?.[name] === "string");
    return isEvent ? (value as LeafContent) : undefined;
  } catch {
    return undefined;
  }
}

export function isExpired(leaf: LeafContent | ExpiredLeaf): leaf is ExpiredLeaf {
  return "expired" in leaf;
}
