import { hash, timingSafeEqual } from "node:crypto";
import { SegnoError } from "@segno/core";
import type { SignalStream } from "./options.js";

const nobody: Buffer = Buffer.alloc(32);

/** What is kept of a token. */
export function tokenHashOf(token: string): string {
  return hash("sha256", token, "base64url");
}

/** Whether the `Authorization` header holds the token of this hash. Constant time; false where none was agreed on. */
export function isBearer(authorization: string | null, tokenHash: string | undefined): boolean {
  const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(authorization ?? "")?.[1];
  const expected = tokenHash === undefined ? nobody : Buffer.from(tokenHash, "base64url");
  const isEqual = timingSafeEqual(hash("sha256", given ?? "", "buffer"), expected);
  return isEqual && given !== undefined && tokenHash !== undefined;
}

/**
 * The stream whose token came with a request. One that is not known is refused as one whose token is wrong.
 * @param id the stream that was asked for; left out, the one of the token
 * @throws SegnoError `unauthenticated`
 */
export function authorizeStream(
  streams: readonly SignalStream[],
  authorization: string | null,
  id?: string,
): SignalStream {
  const found = streams.filter(({ tokenHash }) => isBearer(authorization, tokenHash));
  const stream = found.find((each) => id === undefined || each.id === id);
  if (stream === undefined) throw new SegnoError("unauthenticated");
  return stream;
}
