import { isObject } from "../parse-error.js";

/** An access token as this page holds it. */
export interface HeldToken {
  readonly accessToken: string;
  readonly tokenType: "Bearer" | "DPoP";
  /** `iat` of the token, seconds: the fresher of two wins. */
  readonly issuedAt: number;
  /** `sid` of the token, null where it cannot be read. */
  readonly sessionId: string | null;
  /** On the elapsed clock. */
  readonly expiresAtMs: number;
}

/** Reads what orders and owns a token, without checking anything: only the service and APIs judge a token. */
export function peekToken(accessToken: string): { readonly issuedAt: number; readonly sessionId: string | null } {
  try {
    const payload = accessToken.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    const iat = isObject(claims) ? claims["iat"] : undefined;
    const sid = isObject(claims) ? claims["sid"] : undefined;
    return { issuedAt: typeof iat === "number" ? iat : 0, sessionId: typeof sid === "string" ? sid : null };
  } catch {
    return { issuedAt: 0, sessionId: null };
  }
}

/** Whether `next` should take the place of `held`: later `iat`, or as late and no shorter lived. */
export function isFresher(next: HeldToken, held: HeldToken | undefined): boolean {
  if (!held || next.issuedAt !== held.issuedAt) return next.issuedAt > (held?.issuedAt ?? -1);
  return next.expiresAtMs >= held.expiresAtMs;
}
