import { SegnoError } from "@segno/core";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A ceremony that did not hold. `reason` is for the server alone. */
export function rejected(reason: string, cause?: unknown): SegnoError {
  return new SegnoError("passkey_rejected", "The passkey response was not accepted.", {
    detail: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** True for the one spelling of base64url without padding that encodes its own bytes. */
export function isCanonical(text: string): boolean {
  return text !== "" && Buffer.from(text, "base64url").toString("base64url") === text;
}

/**
 * The parts of the client data that the library does not hold against anything, in both ceremonies: a response made
 * inside a frame of another origin is refused, whatever it says about its top origin (WebAuthn L3 7.1 steps 10-11, 7.2
 * steps 14-15). Type, challenge and origin are checked by the library, exactly, in the ceremony's own file.
 */
export function checkClientData(clientDataJSON: string): void {
  let data: unknown;
  try {
    data = JSON.parse(utf8.decode(Buffer.from(clientDataJSON, "base64url")));
  } catch (cause) {
    throw rejected("client_data", cause);
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw rejected("client_data");
  const { crossOrigin, topOrigin } = data as { crossOrigin?: unknown; topOrigin?: unknown };
  if (crossOrigin !== undefined && crossOrigin !== false) throw rejected("cross_origin");
  if (topOrigin !== undefined) throw rejected("top_origin");
}

/** Origins and relying party a ceremony must name, exactly. */
export interface Expected {
  readonly challenge: string;
  readonly origins: readonly string[];
  readonly rpId: string;
}
