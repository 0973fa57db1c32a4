import type { AccessTokenClaims } from "@segno/core";
import type { ResolvedConfig } from "../config.js";
import { statusListSize } from "./take-status-index.js";

/** Where the status lists are, without their numbers. */
export function statusListBase(config: ResolvedConfig): string {
  return `${config.origin}${config.basePath}/.well-known/status-list/`;
}

/** A place in the status lists as a token names it (Token Status List section 6.2). */
export function statusClaim(config: ResolvedConfig, statusIndex: number): NonNullable<AccessTokenClaims["status"]> {
  const list = Math.floor(statusIndex / statusListSize);
  return { status_list: { idx: statusIndex % statusListSize, uri: `${statusListBase(config)}${list}` } };
}

/** The other way round; undefined for a token without one, or with one that is not ours. */
export function statusIndexOf(config: ResolvedConfig, claims: Pick<AccessTokenClaims, "status">): number | undefined {
  const named = claims.status?.status_list;
  const base = statusListBase(config);
  if (named === undefined || !named.uri.startsWith(base)) return undefined;
  const list = Number(named.uri.slice(base.length));
  return Number.isSafeInteger(list) && named.idx < statusListSize ? list * statusListSize + named.idx : undefined;
}
