import type { SegnoError } from "@segno/core";
import { callCustody, custodyFault } from "./custody-fault.js";
import type { VaultSettings } from "./vault-options.js";

/** No answer of the transit engine comes near this. */
const maxAnswerBytes = 262_144;

export interface VaultRequest {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below `/v1/`, made of checked names. */
  readonly path: string;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly token?: string;
  /** For messages: `sign`, `unwrap`. */
  readonly verb: string;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * One request. Redirects are refused: `fetch` would carry the token along to wherever they lead.
 * @throws SegnoError `key_unavailable`; `detail.status` holds the HTTP status when there was an answer
 */
export async function requestVault(settings: VaultSettings, request: VaultRequest, signal: AbortSignal): Promise<Json> {
  return await callCustody({ custody: "vault", verb: request.verb, signal }, async () => {
    const response = await settings.fetch(`${settings.address}/v1/${request.path}`, {
      method: request.method,
      redirect: "manual",
      signal,
      headers: {
        "X-Vault-Request": "true",
        ...(request.token === undefined ? {} : { "X-Vault-Token": request.token }),
        ...(settings.namespace === undefined ? {} : { "X-Vault-Namespace": settings.namespace }),
        ...(request.body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    if (response.status < 200 || response.status > 299) {
      // Not waited for: a stream may never confirm it.
      void response.body?.cancel().catch(() => undefined);
      throw refusal(request.verb, response.status);
    }
    return parse(await readBounded(response));
  });
}

/** What the statuses of Vault's API mean to who runs it. */
function refusal(verb: string, status: number): SegnoError {
  const fault = (reason: string, text: string): SegnoError =>
    custodyFault("vault", `refused to ${verb} (${status}): ${text}`, { status, reason });
  if (status === 0 || (status > 299 && status < 400)) {
    return fault("redirect", "it redirects, and a token follows no redirect. Point the address at the active node.");
  }
  if (status === 400) return fault("bad_request", "the request does not fit its key or role.");
  if (status === 403) return fault("forbidden", "the token or login is not valid, or its policy does not allow this.");
  if (status === 404) return fault("not_found", "there is no such mount, role or key.");
  if (status === 429) return fault("busy", "it asks to wait, or is a standby node.");
  if (status === 412 || status === 472 || status === 473) return fault("standby", "this node is a standby.");
  if (status === 501) return fault("uninitialized", "it is not initialized.");
  if (status === 503) return fault("sealed", "it is sealed or in maintenance.");
  return fault(status >= 500 ? "failed" : "refused", status >= 500 ? "it failed." : "see its audit log.");
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw custodyFault("vault", "the answer is too large.", { reason: "nonsense" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): Json {
  if (text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  } catch {
    // said below
  }
  throw custodyFault("vault", "the answer is not JSON: is this address a Vault?", { reason: "nonsense" });
}

/** A member that is an object; empty when it is not. */
export function objectIn(value: unknown, name: string): Json {
  const member = typeof value === "object" && value !== null ? (value as Json)[name] : undefined;
  return typeof member === "object" && member !== null ? (member as Json) : {};
}
