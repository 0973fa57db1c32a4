import { parseCheckpoint, type LogSigner, type SignedCheckpoint } from "./checkpoint.js";
import { cosign } from "./cosignature.js";
import type { LogHead } from "./log-storage.js";
import { decodeBase64, formatSignatureLine } from "./note.js";
import { hashLength, emptyRoot } from "./tree-hash.js";
import { isConsistent } from "./tree-proof.js";
import { type TrustedKey, trustedSignature } from "./trusted-keys.js";

/** All that a witness remembers: for each log how large it was, and its root. */
export interface WitnessState {
  read(origin: string): Promise<LogHead | undefined>;
  /**
   * Remembers, durably, if what is remembered is still `from`. The cosigned checkpoint is for whoever asks later.
   * @returns whether it was
   */
  replace(origin: string, from: LogHead | undefined, to: LogHead, cosigned: string): Promise<boolean>;
  /** The checkpoint cosigned last. */
  latest(origin: string): Promise<string | undefined>;
}

export interface WitnessParts {
  /** The keys of the logs it knows. A log is known by the name of its key. */
  readonly keys: readonly TrustedKey[];
  readonly signer: LogSigner;
  readonly state: WitnessState;
  readonly clock: { nowMs(): number };
}

/** What a log says when it asks for a cosignature (C2SP tlog-witness, "add-checkpoint"). */
export interface WitnessRequest {
  readonly oldSize: number;
  readonly proof: readonly Uint8Array[];
  readonly checkpoint: SignedCheckpoint;
}

/** What a witness answers, with the status and the body of the protocol. */
export type WitnessAnswer =
  | { readonly status: 200; readonly lines: string }
  | { readonly status: 409; readonly size: number; readonly reason: string }
  | { readonly status: 400 | 403 | 404 | 422; readonly reason: string };

/**
 * Cosigns a checkpoint if it goes on from the last one it cosigned, and never otherwise: not a smaller log, and not
 * another one of the same size.
 */
export async function witnessCheckpoint(parts: WitnessParts, request: WitnessRequest): Promise<WitnessAnswer> {
  const { keys, signer, state, clock } = parts;
  const { checkpoint, oldSize, proof } = request;
  const { origin, size, root } = checkpoint;
  const own = keys.filter(({ key }) => key.name === origin);
  if (own.length === 0) return { status: 404, reason: "this log is not known here" };
  if (trustedSignature(checkpoint, own) !== "signed")
    return { status: 403, reason: "the checkpoint is not signed by the log's key" };
  if (oldSize > size) return { status: 400, reason: "the old size is larger than the checkpoint's" };
  const seen = await state.read(origin);
  const from: LogHead = seen ?? { size: 0, root: emptyRoot };
  const conflict = (reason: string): WitnessAnswer => ({ status: 409, size: from.size, reason });
  if (oldSize !== from.size)
    return conflict(
      size < from.size ? "the log is smaller than it was: it was rolled back" : "the old size is another one",
    );
  if (size === from.size && Buffer.compare(root, from.root) !== 0)
    return conflict("the log has another tree of the size it had: it forked");
  if (!isConsistent({ fromSize: from.size, fromRoot: from.root, toSize: size, toRoot: root, proof }))
    return {
      status: 422,
      reason: "the checkpoint does not go on from the last one: the log forked, or the proof is wrong",
    };
  const lines = await cosign(checkpoint, signer, clock.nowMs());
  const isKept = await state.replace(origin, seen, { size, root }, noteOf(checkpoint) + lines);
  return isKept ? { status: 200, lines } : conflict("another checkpoint came first");
}

/** The checkpoint with the log's own signatures. */
function noteOf({ note }: SignedCheckpoint): string {
  const lines = note.signatures.map((signature) => formatSignatureLine(signature, signature.bytes));
  return `${note.text}\n${lines.join("")}`;
}

/** Reads the body of `add-checkpoint`; undefined when it is none. */
export function parseWitnessRequest(body: string): WitnessRequest | undefined {
  const split = body.indexOf("\n\n");
  const [first = "", ...lines] = body.slice(0, Math.max(0, split)).split("\n");
  const oldSize = /^old (0|[1-9]\d{0,15})$/.exec(first)?.[1];
  const proof = lines.map(decodeBase64).filter((hash) => hash?.length === hashLength);
  const checkpoint = split < 0 ? undefined : parseCheckpoint(body.slice(split + 2));
  if (oldSize === undefined || checkpoint === undefined || proof.length !== lines.length || lines.length > 63)
    return undefined;
  return { oldSize: Number(oldSize), proof: proof as Uint8Array[], checkpoint };
}

/** The body of `add-checkpoint`. */
export function formatWitnessRequest(oldSize: number, proof: readonly Uint8Array[], checkpoint: string): string {
  const lines = proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`);
  return `old ${oldSize}\n${lines.join("")}\n${checkpoint}`;
}

/** The longest request: 63 hashes and a checkpoint. */
const maxBodyBytes = 110_000;

/**
 * A witness as a web handler: `POST /add-checkpoint` (C2SP tlog-witness), and `GET /latest?origin=NAME` for the checkpoint it
 * cosigned last, which a verifier holds against a log.
 */
export function witnessHandler(parts: WitnessParts): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    if (request.method === "GET" && url.pathname === "/latest") {
      const note = await parts.state.latest(url.searchParams.get("origin") ?? "");
      return note === undefined ? text(404, "this log is not known here\n") : text(200, note);
    }
    if (url.pathname !== "/add-checkpoint") return text(404, "there is nothing here\n");
    if (request.method !== "POST") return text(405, "POST a checkpoint\n");
    const body = await request.text();
    const asked = body.length > maxBodyBytes ? undefined : parseWitnessRequest(body);
    if (asked === undefined) return text(400, "this is no request for a cosignature\n");
    const answer = await witnessCheckpoint(parts, asked);
    if (answer.status === 200) return text(200, answer.lines);
    if (answer.status === 409) return text(409, `${answer.size}\n`, "text/x.tlog.size");
    return text(answer.status, `${answer.reason}\n`);
  };
}

function text(status: number, body: string, type = "text/plain; charset=utf-8"): Response {
  return new Response(body, { status, headers: { "content-type": type } });
}
